// SPDX-License-Identifier: MIT
// The module of browser/sse.js, minified, for ServeOptions::script. Made by tests/browser/minify.mjs.

#pragma once

#include <string_view>

#include "sse/version.hpp"

#include "sse/detail/base/push_options.hpp"

namespace sse::inline SSE_ABI {

/// A JavaScript module for pages that follow a stream: `import { subscribe } from '/sse.js'`. Its documentation is
/// include/sse/browser/README.md.
// clang-format off
inline constexpr std::string_view browser_script =
    R"js(// SPDX-License-Identifier: MIT
const t="sse1 ",s=Date.now,i=t=>Math.min(t*(1+Math.random()/4),36e5);function e(t,s){
const i=t.lastIndexOf("-")+1;return i>0&&!!s?.startsWith(t.slice(0,i))&&+t.slice(i)<=+s.slice(i)}
export class Parser{retry=void 0;constructor(t,s){this.t=t,this.i=s,this.h=this.o=this.l="",this.u=void 0,
this.p=this.v=!1}feed(t){let s=this.v&&"\n"===t[0]?1:0;t&&(this.v=!1)
;let i=t.indexOf("\n",s),e=t.indexOf("\r",s);for(;i>=0||e>=0;){const h=e>=0&&(i<0||e<i),n=h?e:i
;let o=t.slice(s,n);this.h&&(o=this.h+o,this.h=""),s=n+1,h&&(s===t.length?this.v=!0:i===s&&(s+=1),
e=t.indexOf("\r",s)),i>=0&&i<s&&(i=t.indexOf("\n",s)),o?this.m(o):this._()}this.h+=t.slice(s)}m(t){
const s=t.indexOf(":");if(0===s)return this.i?.(t)
;const i=s<0?t:t.slice(0,s),e=s<0?"":t.slice(s+(" "===t[s+1]?2:1))
;"data"===i?this.u=void 0===this.u?e:this.u+"\n"+e:"event"===i?this.l=e:"id"!==i||e.includes("\0")?"retry"===i&&/^[0-9]+$/.test(e)&&(this.retry=+e):(this.o=e,
this.p=!0)}_(){const t=this.u,s=this.l,i=this.p;this.u=void 0,this.l="",this.p=!1,
(void 0!==t||i)&&this.t(s||"message",this.o,i,t)}}class h{constructor(t,s){this.k=t,this.M=s,this.T=1e3,
this.I=Array.from(crypto.getRandomValues(new Uint32Array(4)),t=>t.toString(36)).join("")}open(t){this.close(),
this.S=t,this.A=s(),this.P(this.j={})}close(){this.j=void 0,this.R?.abort(),this.U?.()}again(t){
t&&this.j&&s()-this.A>1e3?this.open(this.S):(this.U?.(),this.$?.())}async P(t){
const{M:e,k:h}=this,n=()=>t!==this.j;let o=0,r=!1;for(;;){const t=this.R=new AbortController
;let a,c,d=s(),l=1/0,f=!1,u=!1,p=0;const w=this.$=()=>{s()-d>l&&(u=f,t.abort())},v=setInterval(w,500);try{
e.state("connecting",a);const i=await e.headers(r);if(n())return;d=s(),l=1e4;const w=new URL(h.url),v=this.S
;"earliest"===v?w.searchParams.set("since",v):v&&w.searchParams.set("lastEventId",v),
w.searchParams.set("pageId",this.I),w.searchParams.set("at",s());const g=await fetch(w,{method:h.method,
body:h.body,credentials:h.credentials,headers:{Accept:"text/event-stream, */*;q=0.1",...i},cache:"no-store",
signal:t.signal});if(n())return;const{status:m}=g
;if(a="status "+m,200===m&&/^text\/event-stream/i.test(g.headers.get("Content-Type"))){if(d=s(),l=1/0,f=!0,
o=0,r=!1,e.state("live"),n())return;const t=new Parser((t,s,i,h)=>{n()||(i&&(this.S=s),e.take(t,s,i,h,v))
},t=>{const s=/^: keep-alive (\d+)$/.exec(t);s&&(l=2*s[1]||1/0)}),i=new TextDecoder,p=g.body.getReader()
;for(;;){const{done:h,value:o}=await p.read();if(n())return;if(s()-d>l)throw u=!0;if(h)break;if(d=s(),
t.feed(i.decode(o,{stream:!0})),void 0!==t.retry&&(this.T=t.retry),n())return;e.flush?.();const r=e.room?.()
;if(r){if(d=1/0,await r,n())return;d=s()}}a="ended",c=h.once}else{if((401===m||403===m)&&h.asks&&!r){r=!0
;continue}{c=204===m||m>=400&&m<500&&![408,425,429].includes(m);const t=g.headers.get("Retry-After")
;t&&(p=/^\d+$/.test(t)?1e3*t:Date.parse(t)-s()||0)}}}catch(t){if(n())return;a=u?"silent":String(t)}finally{
clearInterval(v),t.abort()}if(c)return this.close(),e.end(a);if(e.state("waiting",a),n())return;if(u)continue
;const g=Math.max(this.T,100),m=i(Math.max(p,Math.min(g*2**o++,Math.max(g,3e4))))
;if(await new Promise(t=>(setTimeout(t,m),this.U=t)),n())return}}}class n{constructor(t,s,i,e){this.C=t,
this.k=s,this.M=i,this.D=e,this.J=0,this.L()}L(){this.N?.close(),this.O=0;const{M:s}=this;try{
const i=new SharedWorker(this.C,{type:"module",name:t+JSON.stringify(this.k)});i.onerror=()=>this.q()
;const e=this.N=i.port;e.onmessage=async({data:[t,...i]})=>{if(e===this.N)if(this.O=this.J=0,
"headers"===t)try{e.postMessage(["headers",await s.headers(...i),i[1]])}catch{}else{if(!this.W)return
;if("take"===t){const[t,h]=i;if(h!==this.B)return;for(const i of t)this.W&&h===this.B&&s.take(...i)
;e.postMessage(["taken",t.length])}else"dropped"===t?this.open(s.place()):"pong"!==t&&s[t](...i)}}}catch{
return this.q()}
clearInterval(this.F),this.F=setInterval(()=>++this.O<4?this.N.postMessage(["ping"]):++this.J>1?this.q():(this.L(),
void(this.W&&this.open(s.place()))),5e3),this.N.postMessage(["ping"])}q(){this.G||(this.G=!0,
clearInterval(this.F),this.N?.close(),this.N={postMessage(){}},setTimeout(()=>this.D(this.W)))}open(t){
this.W=!0,this.B=Math.random(),this.N.postMessage(["join",this.k,t,this.B])}close(){this.W=!1,
this.N.postMessage(["leave"])}again(t){this.N.postMessage(["again",t])}end(){clearInterval(this.F),
this.N.close?.()}}class o{constructor(t,s,i){this.type=t,this.id=s,this.text=i}get json(){if(!this.H){
this.H=!0;try{this.K=JSON.parse(this.text)}catch{}}return this.K}get data(){const{json:t}=this
;return t?.type===this.type&&"data"in t?t.data:void 0===t?this.text:t}get timestamp(){
return this.json?.timestamp}}class r{state="closed";constructor(t,s){this.V=s,this.X={},this.Y=0
;const{on:i,since:e,keep:o,headers:r,hidden:a,method:c,body:d,credentials:l,once:f,share:u,shared:p}=s
;for(const t in i)this.on(t,i[t]);const w=o&&"sse "+o;this.id=w&&sessionStorage.getItem(w)||e,
this.Z=!!s.snapshot;const v={url:new URL(t,document.baseURI).href,method:c,body:d,credentials:l,once:f,
share:u,asks:!!r},g={state:(t,s)=>this.tt(t,s),take:(...t)=>this.t(...t),headers:t=>"function"==typeof r?r({
refresh:t}):r,end:t=>this.close(t),place:()=>this.id},m=()=>new h(v,g)
;this.st=()=>p&&globalThis.SharedWorker?new n(!0===p?import.meta.url:new URL(p,document.baseURI),v,g,t=>{
this.it=m(),t&&this.it.open(this.id)}):m(),this.et=()=>w&&this.id&&sessionStorage.setItem(w,this.id)
;const y=()=>{"closed"!==this.state&&(this.ht(),this.tt("paused"))},_=()=>"paused"===this.state&&this.nt()
;let k
;this.ot=[[window,"pagehide",y],[window,"pageshow",_],[document,"freeze",y],[document,"resume",_],[window,"online",()=>this.it.again(!0)],[document,"visibilitychange",()=>{
if(clearTimeout(k),"hidden"!==document.visibilityState)return _()||this.it.again();this.et(),
void 0!==a&&(k=setTimeout(y,a))}]],this.reconnect()}on(t,s){const i=this.X[t]??=new Set;return i.add(s),
()=>i.delete(s)}reconnect(){if("closed"===this.state){this.it=this.st()
;for(const[t,s,i]of this.ot)t.addEventListener(s,i);this.nt()
}else"paused"===this.state?this.nt():this.it.again(!0)}close(t="closed"){if("closed"!==this.state){
for(const[t,s,i]of this.ot)t.removeEventListener(s,i);this.ht(),this.it.end?.(),this.tt("closed",t)}}ht(){
this.B=void 0,this.rt?.abort(),this.it.close(),this.et()}async nt(){const t=this.B={}
;for(this.tt("connecting");this.Z;){const{signal:s}=this.rt=new AbortController;try{
const e=this.Y++&&i(Math.min(125*2**this.Y,3e4));if(e&&await new Promise(t=>setTimeout(t,e)),t!==this.B)return
;this.tt("connecting");const h=await this.V.snapshot({signal:s});if(t!==this.B)return;this.id=h??void 0,
this.Z=this.ct=!1}catch(s){if(t!==this.B)return;this.tt("waiting",String(s))}}
t===this.B&&this.it.open(this.id)}tt(t,i){if(t===this.state)return;this.state=t
;const e="live"===t&&this.ct&&!this.id;"live"===t&&(this.dt=s(),this.ct=!0),this.lt(this.V.state,t,i),
e&&this.state===t&&this.ft({dropped:null,reset:!0})}ft({dropped:t,reset:i,first_id:e,last_id:h}){
s()-this.dt>3e4&&(this.Y=0);const n=this.B;this.lt(this.V.gap,{dropped:t,reset:!!i,first_id:e,last_id:h}),
this.V.snapshot&&n===this.B&&(this.ht(),this.Y||=1,this.Z=!0,this.nt())}lt(t,...s){try{t?.(...s)}catch(t){
reportError(t)}}t(t,s,i,h,n){const[,r,a]=h&&/^\{"type":"((?:[^"\\]|\\.)*)","(data|message)":/.exec(h)||[]
;void 0!==r&&(t=r.includes("\\")?JSON.parse(`"${r}"`):r);const c="message"===a,d=new o(t,s,h)
;if(c&&"overflow"===t){if(i&&e(s,this.id)&&(!d.json.reset||!n||n.split("-")[0]!==s.split("-")[0]))return
;return i&&(this.id=s),this.ft(d.json)}
if(c&&"connection"===t)!i||this.id&&"earliest"!==this.id||"earliest"===n||(this.id=s);else if(i){
if(e(s,this.id))return;this.id=s}void 0===h||c&&"disconnect"===t||(this.lt(this.V.event,d),
this.X[t]?.forEach(t=>this.lt(t,d)))}}export const subscribe=(t,s={})=>new r(t,s)
;globalThis.SharedWorkerGlobalScope&&self.name.startsWith(t)&&(()=>{const t=new Map
;let i,n,o,r=[],a=["connecting"]
;const c=()=>[...t].filter(([,t])=>t.joined),d=(...t)=>c().forEach(([s])=>s.postMessage(t)),l=t=>{t.joined=!1,
c().length||i?.close(),o?.()},f={state:(...t)=>d("state",...a=t),take:(...t)=>r.push(t),flush(){const t=r
;if(r=[],
t.length)for(const[s,i]of c())s.postMessage(["take",t,i.turn]),(i.behind+=t.length)>16e3&&(s.postMessage(["dropped"]),
l(i))},room:()=>c().every(([,t])=>t.behind>2e3)?new Promise(t=>o=t):void 0,
headers:t=>i.k.asks&&new Promise((s,i)=>{n={resolve:s,question:["headers",t,Math.random()]},
setTimeout(i,1e4,"no tab knows the headers"),d(...n.question)}),end(s){d("end",s),t.forEach(t=>t.joined=!1)}}
;setInterval(()=>{for(const[i,e]of t)s()-e.seen>18e4&&(i.postMessage(["dropped"]),l(e),t.delete(i))},3e4),
self.onconnect=({ports:[r]})=>{r.onmessage=({data:[c,d,u,p]})=>{t.has(r)||t.set(r,{joined:!1,behind:0,seen:s()
});const w=t.get(r)
;if(w.seen=s(),"ping"===c)r.postMessage(["pong"]);else if("leave"===c)l(w);else if("again"===c)i?.again(d);else if("headers"===c)u===n?.question[2]&&(n.resolve(d),
n=void 0);else if("taken"===c)(w.behind-=d)<=2e3&&o?.();else{const t=i?.j;if(i??=new h(d,f),w.joined=!0,
w.behind=0,w.turn=p,!t)return i.open(u);r.postMessage(["state",...a]),n&&r.postMessage(n.question),
!u&&i.S?r.postMessage(["take",[["",i.S,!0]],p]):u&&u!==i.S&&!e(i.S??"",u)&&i.open(u)}}}})();
)js";
// clang-format on

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
