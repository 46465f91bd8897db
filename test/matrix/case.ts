// A case of the matrix: manifests around a service of its own, and the expected results of requests
// to it. Written as YAML in `cases/`.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The expected result of a request; only named fields are compared. */
export interface Expectation {
  /** 200 unless given; `none`: no answer while the client waited. */
  readonly status?: number | 'none';
  /**
   * Which workload answered, `a`, `b` or `sink`; several for a number of requests, of which each
   * must have answered one.
   */
  readonly by?: string | readonly string[];
  /** The request that the application received. */
  readonly path?: string;
  readonly host?: string;
  readonly method?: string;
  readonly httpVersion?: string;
  /** Headers as the application received them; null for one that must be absent. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Headers of the answer. */
  readonly answered?: Readonly<Record<string, string | null>>;
  /** How often applications received the request. */
  readonly attempts?: number;
  /** Whether the sink received a copy of it. */
  readonly mirrored?: boolean;
  /**
   * Of a TCP connection: the first line that came back, `closed`, or `refused 403` for the CONNECT.
   */
  readonly heard?: string;
}

/** One request, or a TCP connection when `heard` is expected. */
export interface Exchange {
  /** Whether this shows the feature at work, or its opposite. */
  readonly shows: 'pass' | 'opposite';
  /**
   * Client: a service account of namespace shop, or `<namespace>/<account>`; `shop/client` unless
   * given.
   */
  readonly as?: string;
  /** The client's own address. */
  readonly from?: string;
  /** The authority of its tunnel, with `$NET`; the case's service on port 80 by default. */
  readonly to?: string;
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How often; once unless given. */
  readonly times?: number;
  /** The client's first bytes on a TCP connection. */
  readonly say?: string;
  readonly expect: Expectation;
}

/**
 * A case; in its manifests `$NAME` is its service and `$NET` the first three numbers of addresses
 * of its own.
 */
export interface MatrixCase {
  readonly name: string;
  readonly manifests: string;
  /** Further fields of its Service. */
  readonly service?: Readonly<Record<string, unknown>>;
  readonly exchanges: readonly Exchange[];
}

/** Every case, sorted by file and in the order of the file. */
export function readCases(): readonly MatrixCase[] {
  const folder = join(import.meta.dirname, 'cases');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .flatMap((file) => {
      const cases = parse(readFileSync(join(folder, file), 'utf8')) as Readonly<Record<string, Partial<MatrixCase>>>;
      return Object.entries(cases).map(([name, { manifests = '', service, exchanges = [] }]) => ({
        name,
        manifests,
        ...(service === undefined ? {} : { service }),
        exchanges,
      }));
    });
}
