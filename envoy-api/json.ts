// JSON values as types: the form in which Envoy messages are written everywhere outside the
// encoder.

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object, keys in any order. */
export type JsonObject = { readonly [key: string]: Json };

/** `google.protobuf.Any` in ProtoJSON: the type URL beside the message's own fields. */
export type Any = { readonly '@type': string; readonly [field: string]: Json };
