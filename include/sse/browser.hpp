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
const t="sse1 ",s=Date.now,i=t=>Math.min(t*(1+Math.random()/4),36e5);function e(t,s){const i=t.lastIndexOf("-")+1
;return i>0&&!!s?.startsWith(t.slice(0,i))&&+t.slice(i)<=+s.slice(i)}export class Parser{constructor(t,s){this.t=t,
this.i=s,this.h=this.o=this.l="",this.u=this.retry=void 0,this.p=this.v=!1}feed(t){let s=this.v&&"\n"===t[0]?1:0
;t&&(this.v=!1),this.h&&/[\r\n]/.test(t)&&(t=[this.h,t].join(""),this.h=""),this.m=t.includes("\0")
;let i=t.indexOf("\n",s),e=t.indexOf("\r",s);for(;i>=0||e>=0;){const h=e>=0&&(i<0||e<i),n=h?e:i
;n>s?this._(t,s,n):this.k(),
s=n+1,h?(s===t.length?this.v=!0:i===s&&(s+=1),e=t.indexOf("\r",s)):10===t.charCodeAt(s)&&(s+=1,this.k()),
i>=0&&i<s&&(i=t.indexOf("\n",s))}s<t.length&&(this.h+=t.slice(s))}_(t,s,i){
const e=t.charCodeAt(s),h=100===e?"data":105===e?"id":101===e?"event":114===e?"retry":""
;if(58===e)return this.i?.(t.slice(s,i));for(let i=0;i<h.length;++i,++s)if(t.charCodeAt(s)!==h.charCodeAt(i))return
;if(s<i&&58!==t.charCodeAt(s++))return;const n=t.slice(32===t.charCodeAt(s)?s+1:s,i)
;100===e?this.u=void 0===this.u?n:this.u+"\n"+n:101===e?this.l=n:114===e?/^\d+$/.test(n)&&(this.retry=+n):this.m&&n.includes("\0")||(this.o=n,
this.p=!0)}k(){const t=this.u,s=this.l,i=this.p;this.u=void 0,this.l="",this.p=!1,
(void 0!==t||i)&&this.t(s||"message",this.o,i,t)}}class h{constructor(t,s){this.M=t,this.T=s,this.I=1e3,
this.S=crypto.getRandomValues(new Uint32Array(4)).join("")}open(t){this.close(),this.P=t,this.A=s(),this.R(this.U={})}
close(){this.U=void 0,this.j?.abort(),this.C?.()}again(t){t&&this.U&&s()-this.A>1e3?this.open(this.P):(this.C?.(),
this.D?.())}async R(t){const e=this.T,h=this.M,n=()=>t!==this.U;let o=0,r=!1;for(;;){
const t=this.j=new AbortController;let a,c,l=s(),d=1/0,f=!1,u=!1,p=0;const w=this.D=()=>{s()-l>d&&(u=f,t.abort())
},g=setInterval(w,500);try{e.state("connecting",a);const i=await e.headers(r);if(n())return;l=s(),d=1e4
;const w=new URL(h.url),g=w.searchParams,v=this.P;v&&g.set("earliest"===v?"since":"lastEventId",v),
g.set("pageId",this.S),g.set("at",s());const m=await fetch(w,{method:h.method,body:h.body,credentials:h.credentials,
headers:{Accept:"text/event-stream",...i},cache:"no-store",signal:t.signal});if(n())return;const y=m.status
;if(a="status "+y,200===y&&/^text\/event-stream/i.test(m.headers.get("Content-Type"))){if(l=s(),d=1/0,f=!0,o=0,r=!1,
e.state("live"),n())return;const t=new Parser((t,s,i,h)=>{n()||(i&&(this.P=s),e.take(t,s,i,h,v))},t=>{
const s=/^: keep-alive (\d+)$/.exec(t);s&&(d=2*s[1]||1/0)}),i=new TextDecoder,p=m.body.getReader();for(;;){
const{done:h,value:o}=await p.read();if(n())return;if(s()-l>d)throw u=!0;if(h)break;if(l=s(),t.feed(i.decode(o,{
stream:!0})),this.I=t.retry??this.I,n())return;e.flush?.();const r=e.room?.();if(r){if(l=1/0,await r,n())return;l=s()}
}a="ended",c=h.once}else{if((401===y||403===y)&&h.asks&&!r){r=!0;continue}{c=/^204|^4(?!08|25|29)/.test(y)
;const t=m.headers.get("Retry-After");p=1e3*t||Date.parse(t)-s()||0}}}catch(t){if(n())return;a=u?"silent":String(t)
}finally{clearInterval(g),t.abort()}if(c)return this.close(),e.end(a);if(e.state("waiting",a),n())return;if(u)continue
;const v=Math.max(this.I,100),m=i(Math.max(p,Math.min(v*2**o++,Math.max(v,3e4))))
;if(await new Promise(t=>(setTimeout(t,m),this.C=t)),n())return}}}class n{constructor(t,s,i,e){this.J=t,this.M=s,
this.T=i,this.L=e,this.N=0,this.O()}O(){this.$?.close(),this.q=0;const s=this.T;try{const i=new SharedWorker(this.J,{
type:"module",name:t+JSON.stringify(this.M)});i.onerror=()=>this.W();const e=this.$=i.port
;e.onmessage=async({data:[t,...i]})=>{if(e===this.$)if(this.q=this.N=0,"headers"===t)try{
e.postMessage([t,await s.headers(...i),i[1]])}catch{}else{if(!this.B)return;if("take"===t){const[t,h]=i
;if(h!==this.F)return;for(const i of t)this.B&&h===this.F&&s.take(...i);e.postMessage(["taken",t.length])
}else"dropped"===t?this.open(s.place()):s[t]?.(...i)}}}catch{return this.W()}clearInterval(this.G),
this.G=setInterval(()=>++this.q<4?this.$.postMessage(["ping"]):++this.N>1?this.W():(this.O(),
void(this.B&&this.open(s.place()))),5e3),this.$.postMessage(["ping"])}W(){this.H||(this.H=!0,clearInterval(this.G),
this.$?.close(),this.$={postMessage(){}},setTimeout(()=>this.L(this.B)))}open(t){this.B=!0,this.F=Math.random(),
this.$.postMessage(["join",this.M,t,this.F])}close(){this.B=!1,this.$.postMessage(["leave"])}again(t){
this.$.postMessage(["again",t])}end(){clearInterval(this.G),this.$.close?.()}}class o{constructor(t,s,i){this.type=t,
this.id=s,this.text=i}get json(){if(!this.K){this.K=!0;try{this.V=JSON.parse(this.text)}catch{}}return this.V}
get data(){const{json:t}=this;return t?.type===this.type&&"data"in t?t.data:void 0===t?this.text:t}get timestamp(){
return this.json?.timestamp}}class r{state="closed";constructor(t,s){this.X=s,this.Y={__proto__:null},this.Z=0
;const{on:i,since:e,keep:o,headers:r,hidden:a,method:c,body:l,credentials:d,once:f,share:u,shared:p}=s
;for(const t in i)this.on(t,i[t]);const w=o&&"sse "+o;this.id=w&&sessionStorage.getItem(w)||e,this.tt=!!s.snapshot
;const g={url:new URL(t,document.baseURI).href,method:c,body:l,credentials:d,once:f,share:u,asks:!!r},v={
state:(t,s)=>this.st(t,s),take:(...t)=>this.t(...t),headers:t=>"function"==typeof r?r({refresh:t}):r,
end:t=>this.close(t),place:()=>this.id},m=()=>new h(g,v),y=t=>{this.it=m(),t&&this.it.open(this.id)}
;this.et=()=>p&&globalThis.SharedWorker?new n(!0===p?import.meta.url:new URL(p,document.baseURI),g,v,y):m(),
this.ht=()=>w&&this.id&&sessionStorage.setItem(w,this.id);const _=()=>{"closed"!==this.state&&(this.nt(),
this.st("paused"))},k=()=>"paused"===this.state&&this.ot();let b
;this.rt=[[window,"pagehide",_],[window,"pageshow",k],[document,"freeze",_],[document,"resume",k],[window,"online",()=>this.it.again(!0)],[document,"visibilitychange",()=>{
if(clearTimeout(b),!document.hidden)return k()||this.it.again();this.ht(),a>=0&&(b=setTimeout(_,a))}]],
this.reconnect()}on(t,s){const i=this.Y[t]??=new Set;return i.add(s),()=>i.delete(s)}reconnect(){
if("closed"===this.state){this.it=this.et();for(const[t,s,i]of this.rt)t.addEventListener(s,i);this.ot()
}else"paused"===this.state?this.ot():this.it.again(!0)}close(t="closed"){if("closed"!==this.state){
for(const[t,s,i]of this.rt)t.removeEventListener(s,i);this.nt(),this.it.end?.(),this.st("closed",t)}}nt(){
this.F=void 0,this.ct?.abort(),this.it.close(),this.ht()}async ot(){const t=this.F={}
;for(this.st("connecting");this.tt;){const{signal:s}=this.ct=new AbortController;try{
const e=this.Z++&&i(Math.min(125*2**this.Z,3e4));if(e&&await new Promise(t=>setTimeout(t,e)),t!==this.F)return
;this.st("connecting");const h=await this.X.snapshot({signal:s});if(t!==this.F)return;this.id=h??void 0,
this.tt=this.lt=!1}catch(s){if(t!==this.F)return;this.st("waiting",String(s))}}t===this.F&&this.it.open(this.id)}
st(t,i){if(t===this.state)return;this.state=t;const e="live"===t&&this.lt&&!this.id;"live"===t&&(this.dt=s(),
this.lt=!0),this.ft(this.X.state,t,i),e&&this.state===t&&this.ut({dropped:null,reset:!0})}
ut({dropped:t,reset:i,first_id:e,last_id:h}){s()-this.dt>3e4&&(this.Z=0);const n=this.F;this.ft(this.X.gap,{dropped:t,
reset:!!i,first_id:e,last_id:h}),this.X.snapshot&&n===this.F&&(this.nt(),this.Z||=1,this.tt=!0,this.ot())}ft(t,...s){
try{t?.(...s)}catch(t){reportError(t)}}t(t,s,i,h,n){
const[,r,a]=/^\{"type":"((?:[^"\\]|\\.)*)","(data|message)":/.exec(h)??[]
;void 0!==r&&(t=r.includes("\\")?JSON.parse('"'+r+'"'):r);const c="message"===a,l=new o(t,s,h);if(c&&"overflow"===t){
if(i&&e(s,this.id)&&(!l.json.reset||!n||n.split("-")[0]!==s.split("-")[0]))return;return i&&(this.id=s),
this.ut(l.json)}if(c&&"connection"===t)!i||this.id&&"earliest"!==this.id||"earliest"===n||(this.id=s);else if(i){
if(e(s,this.id))return;this.id=s}void 0===h||c&&"disconnect"===t||(this.ft(this.X.event,l),
this.Y[t]?.forEach(t=>this.ft(t,l)))}}export const subscribe=(t,s={})=>new r(t,s)
;globalThis.SharedWorkerGlobalScope&&self.name.startsWith(t)&&(()=>{const t=new Map;let i,n,o,r=[],a=["connecting"]
;const c=()=>[...t].filter(([,t])=>t.joined),l=(...t)=>c().forEach(([s])=>s.postMessage(t)),d=t=>{t.joined=!1,
c().length||i?.close(),o?.()},f={state:(...t)=>l("state",...a=t),take:(...t)=>r.push(t),flush(){const t=r;if(r=[],
t.length)for(const[s,i]of c())s.postMessage(["take",t,i.turn]),(i.behind+=t.length)>16e3&&(s.postMessage(["dropped"]),
d(i))},room:()=>c().every(([,t])=>t.behind>2e3)?new Promise(t=>o=t):void 0,headers:t=>i.M.asks&&new Promise((s,i)=>{
n={resolve:s,question:["headers",t,Math.random()]},setTimeout(i,1e4,"no headers"),l(...n.question)}),end(s){
l("end",s),t.forEach(t=>t.joined=!1)}};setInterval(()=>{
for(const[i,e]of t)s()-e.seen>18e4&&(i.postMessage(["dropped"]),d(e),t.delete(i))},3e4),
self.onconnect=({ports:[r]})=>{r.onmessage=({data:[c,l,u,p]})=>{const w=t.get(r)??{behind:0};if(t.set(r,w),w.seen=s(),
"ping"===c)r.postMessage(["pong"]);else if("leave"===c)d(w);else if("again"===c)i?.again(l);else if("headers"===c)u===n?.question[2]&&(n.resolve(l),
n=void 0);else if("taken"===c)(w.behind-=l)<=2e3&&o?.();else{const t=i?.U;if(i??=new h(l,f),w.joined=!0,w.behind=0,
w.turn=p,!t)return i.open(u);r.postMessage(["state",...a]),n&&r.postMessage(n.question),
!u&&i.P?r.postMessage(["take",[["",i.P,!0]],p]):u&&u!==i.P&&!e(i.P??"",u)&&i.open(u)}}}})();
)js";
// clang-format on

}  // namespace sse::inline SSE_ABI

#include "sse/detail/base/pop_options.hpp"
