// Istio's certificate API on the wire: `istio.v1.auth.IstioCertificateService`, one unary method
// with two small messages, coded by hand, as a plain service definition for grpc-js.

import type { MethodDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs/minimal.js';

const { Reader, Writer } = protobuf;

/**
 * `IstioCertificateRequest`; `metadata` holds the text fields of its Struct, others are dropped.
 */
export interface CertificateRequest {
  readonly csr: string;
  readonly validitySeconds: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** `IstioCertificateResponse`: PEM, leaf first, roots last. */
export interface CertificateResponse {
  readonly certificateChain: readonly string[];
}

/** The metadata field with which a node proxy asks for a certificate of one of its workloads. */
export const impersonatedIdentity: string = 'ImpersonatedIdentity';

// Tags are field number << 3 | wire type; 2 is length-delimited, 0 a varint.

/** The bytes of a request. */
export function encodeCertificateRequest(request: CertificateRequest): Buffer {
  const writer = Writer.create().uint32(10).string(request.csr).uint32(24).int64(request.validitySeconds);
  const fields = Object.entries(request.metadata);
  if (fields.length > 0) {
    writer.uint32(34).fork();
    for (const [key, text] of fields) {
      writer.uint32(10).fork().uint32(10).string(key);
      writer.uint32(18).fork().uint32(26).string(text).ldelim().ldelim();
    }
    writer.ldelim();
  }
  return Buffer.from(writer.finish());
}

/** The request in the bytes; unknown fields are skipped; throws on malformed input. */
export function decodeCertificateRequest(bytes: Uint8Array): CertificateRequest {
  const reader = Reader.create(bytes);
  const metadata: Record<string, string> = {};
  let csr = '';
  let validitySeconds = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) csr = reader.string();
    else if (tag === 24) validitySeconds = decodeSeconds(reader.int64());
    else if (tag === 34) decodeStruct(reader.bytes(), metadata);
    else reader.skipType(tag & 7);
  }
  return { csr, validitySeconds, metadata };
}

function decodeSeconds({ high, low }: { readonly high: number; readonly low: number }): number {
  return high * 2 ** 32 + (low >>> 0);
}

function decodeStruct(bytes: Uint8Array, into: Record<string, string>): void {
  const reader = Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag !== 10) {
      reader.skipType(tag & 7);
      continue;
    }
    const [key, text] = decodeField(reader.bytes());
    if (text !== undefined) Object.defineProperty(into, key, { value: text, enumerable: true });
  }
}

function decodeField(bytes: Uint8Array): [string, string | undefined] {
  const reader = Reader.create(bytes);
  let key = '';
  let text: string | undefined;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) key = reader.string();
    else if (tag === 18) text = decodeText(reader.bytes());
    else reader.skipType(tag & 7);
  }
  return [key, text];
}

function decodeText(bytes: Uint8Array): string | undefined {
  const reader = Reader.create(bytes);
  let text: string | undefined;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 26) text = reader.string();
    else reader.skipType(tag & 7);
  }
  return text;
}

/** The bytes of a response. */
export function encodeCertificateResponse(response: CertificateResponse): Buffer {
  const writer = Writer.create();
  for (const certificate of response.certificateChain) writer.uint32(10).string(certificate);
  return Buffer.from(writer.finish());
}

/** The response in the bytes; throws on malformed input. */
export function decodeCertificateResponse(bytes: Uint8Array): CertificateResponse {
  const reader = Reader.create(bytes);
  const certificateChain: string[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 10) certificateChain.push(reader.string());
    else reader.skipType(tag & 7);
  }
  return { certificateChain };
}

/** The one method, in the form that both sides of grpc-js take. */
export const createCertificateMethod: MethodDefinition<CertificateRequest, CertificateResponse> = {
  path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
  requestStream: false,
  responseStream: false,
  requestSerialize: encodeCertificateRequest,
  requestDeserialize: decodeCertificateRequest,
  responseSerialize: encodeCertificateResponse,
  responseDeserialize: decodeCertificateResponse,
};
