declare const types: unique symbol;

/** Carries types only: what is taken, by callers and by handlers, and what they give. */
export interface Typed<Taken, Given> {
  /** Never there at run time. */
  readonly [types]?: (taken: Taken) => Given;
}

type Taken<V> = V extends Typed<infer T, infer _G> ? T : never;
type Given<V> = V extends Typed<infer _T, infer G> ? G : never;
// Of each of the kinds of verbs by itself, where it may be one of several.
type Field<Fields, Name extends string> = Fields extends unknown
  ? Name extends keyof Fields
    ? Fields[Name]
    : never
  : never;

/** What a caller passes to a verb. */
export type InputOf<V> = Field<Taken<V>, 'input'>;

/** What a caller gets from a verb. */
export type OutputOf<V> = Field<Given<V>, 'output'>;

/** The items that a caller gets. */
export type ItemOf<V> = Field<Given<V>, 'item'>;

/** The items that a caller sends. */
export type SentOf<V> = Field<Taken<V>, 'sent'>;

/** What a handler is given. */
export type HandlerInputOf<V> = Field<Taken<V>, 'handlerInput'>;

/** What a handler returns. */
export type HandlerOutputOf<V> = Field<Given<V>, 'handlerOutput'>;

/** The items that a handler yields. */
export type HandlerItemOf<V> = Field<Given<V>, 'handlerItem'>;

/** The items that a handler is sent. */
export type HandlerSentOf<V> = Field<Taken<V>, 'handlerSent'>;
