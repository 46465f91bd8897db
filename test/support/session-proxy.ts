// A proxy at the other end of an ADS session, without a wire, as the protocol describes it: it
// applies responses in order, keeps the version before one that it refuses, and remembers versions.

import { expect } from 'vitest';
import type { DeltaRequest, DeltaResponse } from '../../xds/messages.ts';
import { kindsOf } from '../../xds/order.ts';
import type { Session } from '../../xds/session.ts';

/** A request that says nothing but what is given. */
export function deltaRequest(typeUrl: string, parts: Partial<DeltaRequest> = {}): DeltaRequest {
  return { typeUrl, subscribe: [], unsubscribe: [], initialVersions: new Map(), nonce: '', ...parts };
}

/** A proxy that refuses every resource whose version begins with `bad`. */
export class SessionProxy {
  /** For each type, the version of each resource that is in force. */
  readonly held: Map<string, Map<string, string>> = new Map();
  /** For each type, the names that it is subscribed to. */
  readonly wanted: Map<string, Set<string>> = new Map();
  /** Responses that it has not answered. */
  readonly inbox: DeltaResponse[] = [];
  session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  heldOf(typeUrl: string): Map<string, string> {
    let held = this.held.get(typeUrl);
    if (held === undefined) this.held.set(typeUrl, (held = new Map()));
    return held;
  }

  wants(typeUrl: string, name: string): boolean {
    const wanted = this.wanted.get(typeUrl);
    return wanted?.has(name) === true || wanted?.has('*') === true;
  }

  /** Receives every response that may be sent now. */
  take(): void {
    for (let next = this.session.next(); next !== undefined; next = this.session.next()) {
      const { typeUrl } = next;
      const unanswered = this.inbox.filter((response) => response.typeUrl === typeUrl);
      expect(unanswered.length).toBeLessThan(kindsOf(typeUrl).length);
      this.receive(next);
      this.inbox.push(next);
    }
  }

  /** Applies and answers one of the responses, if there is one. */
  answer(index: number): void {
    const [response] = this.inbox.splice(index % Math.max(1, this.inbox.length), 1);
    if (response === undefined) return;
    const { typeUrl, nonce } = response;
    const held = this.heldOf(typeUrl);
    for (const name of response.removed) held.delete(name);
    const refused = response.resources.findIndex(({ version }) => version.startsWith('bad'));
    const good = refused < 0 ? response.resources : response.resources.slice(0, refused);
    for (const { name, version } of good) if (this.wants(typeUrl, name)) held.set(name, version);
    const bad = response.resources[refused]?.name;
    this.applied(
      response,
      good.map(({ name }) => name),
      bad,
    );
    this.session.request(deltaRequest(typeUrl, { nonce, ...(bad === undefined ? {} : { error: `${bad} is bad` }) }));
  }

  /** Asks on a new session for all that it is subscribed to, and says what it has. */
  reconnect(session: Session): void {
    this.session = session;
    this.inbox.length = 0;
    for (const [typeUrl, wanted] of this.wanted) {
      // An empty first request would mean the wildcard.
      if (wanted.size === 0) this.wanted.delete(typeUrl);
      else {
        const initialVersions = new Map(this.heldOf(typeUrl));
        session.request(deltaRequest(typeUrl, { subscribe: [...wanted], initialVersions }));
      }
    }
  }

  /** Looks at a response before it waits for its answer. */
  protected receive(_response: DeltaResponse): void {}

  /** Called when the resources before the bad one are applied, and before the answer is sent. */
  protected applied(_response: DeltaResponse, _good: readonly string[], _bad: string | undefined): void {}
}
