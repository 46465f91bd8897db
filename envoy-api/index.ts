// The Envoy v3 API: types of its messages, encoding, decoding and validation.

export { checkResource, type ConstraintViolation } from './constraints.ts';
export { encodeMessage, encodeResource, type EncodedResource } from './encoding.ts';
export { encodeOnce } from './message-encoder.ts';
export type { Any, Json, JsonObject } from './json.ts';
export { typed, typeUrls, type EnvoyResource, type TypeUrl } from './resource.ts';
export type { MessageTypes } from './generated/messages.ts';
export { inlineResources, type SecretFiles, type StaticResources } from './static-form.ts';
