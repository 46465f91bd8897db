// Reads the answers of an API server.

import type { IncomingMessage } from 'node:http';
import { ApiError, type StatusAnswer } from './errors.ts';

/** The server asked us to come back later. */
export class BusyError extends Error {
  readonly answer: ApiError;
  readonly retryAfterMs: number;

  constructor(answer: ApiError, retryAfter: string | undefined) {
    super(answer.message);
    this.answer = answer;
    this.retryAfterMs = Math.max(1, Number(retryAfter ?? 1) || 1) * 1000;
  }
}

/** The whole body of an answer. */
export async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The message in the body of an error. A server that is no API server answers with other text. */
export function parseStatus(text: string): StatusAnswer {
  try {
    return JSON.parse(text) as StatusAnswer;
  } catch {
    return { message: text.trim().slice(0, 500) };
  }
}

/** Undefined in place of an error of status 404. */
export async function unlessNotFound<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}
