// SPDX-License-Identifier: MIT
// The types of sse.js.

/** `connecting` (also while the snapshot is asked for), `live`, `waiting` before it connects again, `paused` while the page
 * is hidden or kept by the browser, `closed` for good. */
export type State = 'connecting' | 'live' | 'waiting' | 'paused' | 'closed';

export interface Message<Data = any, Type extends string = string> {
  /** The event's type. */
  readonly type: Type;
  /** The id of the last event that had one; empty: none had. */
  readonly id: string;
  /** The text as it came. */
  readonly text: string;
  /** The event's data. If the text is not an event of sse: its JSON, or the text itself. Parsed when first looked at. */
  readonly data: Data;
  /** The whole text as JSON; undefined: it is none. Parsed when first looked at. */
  readonly json: any;
  /** Seconds since 1970, of an event of sse. */
  readonly timestamp: number | undefined;
}

export interface Gap {
  /** The number of lost events; null: unknown. */
  dropped: number | null;
  /** True: the ids are of another start of the service, or there are none to go on from. */
  reset: boolean;
  first_id: string | undefined;
  last_id: string | undefined;
}

export interface Options<Events extends object = Record<string, any>> {
  /** Asks the service for its state, first and after each loss. The stream goes on from the id that it returns. */
  snapshot?(context: { signal: AbortSignal }): Promise<string | null | undefined | void> | string | null | undefined | void;
  /** Handlers by type. */
  on?: { [Type in keyof Events & string]?: (message: Message<Events[Type], Type>) => void };
  /** Gets each message, of every type; `connection`, with the `connection_id` in its `json`, is one too. */
  event?(message: Message<Events[keyof Events], keyof Events & string>): void;
  /** Events were lost. With a `snapshot`, that is asked for next. */
  gap?(gap: Gap): void;
  state?(name: State, why?: string): void;
  /** The id to go on from, for example of a page that the service has rendered; `earliest`: all that the history holds. */
  since?: string;
  /** A name in sessionStorage: the place outlives a reload. */
  keep?: string;
  /** Milliseconds after which a hidden page closes its stream. Unset: never. */
  hidden?: number;
  /** One stream for all tabs, by a SharedWorker: true, or the URL of this module (after a bundler). */
  shared?: boolean | string | URL;
  /** With `shared`: pages of different keys, for example of different users, never share a stream. */
  share?: string;
  /** Headers of the request, asked for before each attempt. After a 401 or 403 it is asked once more, with `refresh`. */
  headers?: Record<string, string> |
    ((context: { refresh: boolean }) => Record<string, string> | undefined | Promise<Record<string, string> | undefined>);
  method?: string;
  body?: string;
  credentials?: RequestCredentials;
  /** True: when the service ends the stream, that is the end. */
  once?: boolean;
}

export interface Feed<Events extends object = Record<string, any>> {
  readonly state: State;
  /** The place: the id of the last event. */
  readonly id: string | undefined;
  /** Calls the handler for the messages of a type. Returns the function that takes it away. */
  on<Type extends keyof Events & string>(type: Type, handler: (message: Message<Events[Type], Type>) => void): () => void;
  /** Connects again at once, also after `close`. */
  reconnect(): void;
  close(): void;
}

/** Follows the events of a URL. */
export function subscribe<Events extends object = Record<string, any>>(url: string | URL, options?: Options<Events>): Feed<Events>;

/** Reads text/event-stream (WHATWG HTML 9.2.6): `take` gets each block that has data or an id. */
export class Parser {
  constructor(take: (type: string, id: string, has_id: boolean, text: string | undefined) => void, comment?: (line: string) => void);
  readonly retry: number | undefined;
  feed(text: string): void;
}
