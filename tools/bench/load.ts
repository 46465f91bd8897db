// A control plane under load: the first configuration, a thousand proxies that come back, a storm
// of events, memory, and a long life.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ReceivedResponse } from '../../test/support/delta-ads-client.ts';
import { type Child, startChild } from './child.ts';
import type { LoneEdit } from './control-plane.ts';
import { Follower, type Received } from './follower.ts';
import { editKinds, makeEdit, serviceName } from './mesh.ts';
import { client } from './propagation.ts';
import { type Report, type Row, summarize } from './report.ts';

/** The choice of measurements. */
export interface LoadOptions {
  readonly services: readonly number[];
  readonly rich: boolean;
  readonly sessions: number;
  readonly edits: number;
  /** How many services a proxy asks for; and up to how many it gets without asking. */
  readonly asks: 'all' | number;
  readonly onDemandAbove: number;
}

const megabyte = 1024 * 1024;

/** A control plane that serves a mesh, and one proxy of it that has everything. */
interface Served {
  readonly services: number;
  readonly child: Child;
  readonly follower: Follower;
}

/** Measures with a mesh of each size, one after the other, in a process of its own. */
async function serveEach(
  { services, rich, onDemandAbove, asks }: LoadOptions,
  measure: (served: Served) => Promise<void>,
): Promise<void> {
  for (const count of services) {
    const child = await startChild();
    await child.ask({ type: 'serve', services: count, rich, onDemandAbove });
    const follower = await Follower.connect(child.idle.address, client, { asks });
    await follower.settle(0, performance.now(), 2500);
    await measure({ services: count, child, follower });
    follower.client.close();
    await child.stop();
  }
}

/**
 * Everything at once, for a proxy that waits for it: resolving, rendering and encoding a mesh that
 * is new to a control plane, one that has just started and one that has been running. The time ends
 * with the last byte that is due, and includes the client's own work; the CPU ends when every
 * Finding is computed. Then, with that done, the cost of another proxy.
 */
export async function measureFirstSync({ services, rich, asks, onDemandAbove }: LoadOptions): Promise<Report> {
  const rows: Row[] = [];
  for (const count of services) {
    const cold = new FirstSync();
    const warm = new FirstSync();
    const another = new FirstSync();
    for (let round = 0; round < 3; round += 1) {
      const child = await startChild();
      for (let life = 0; life < 4; life += 1) {
        await child.ask({ type: 'forget' });
        // All but the first are the costs of a new waypoint for a control plane that has been
        // running.
        await (life === 0 ? cold : warm).measure(child, asks, () =>
          child.ask({ type: 'serve', services: count, rich, onDemandAbove }),
        );
      }
      for (let proxy = 0; proxy < 3; proxy += 1) await another.measure(child, asks);
      await child.stop();
    }
    rows.push({
      services: count,
      asked: asks,
      ...cold.format('cold'),
      ...warm.format('warm'),
      ...another.format('another proxy'),
      resources: another.came?.resources ?? 0,
      bytes: another.came?.bytes ?? 0,
    });
  }
  return { benchmark: 'first-sync', rows };
}

/** The first configuration of a proxy, several times. */
class FirstSync {
  readonly #last: number[] = [];
  readonly #cpu: number[] = [];
  came: Received | undefined;

  /** Connects a proxy, and then has `begin` bring the configuration, if it is not there. */
  async measure(child: Child, asks: 'all' | number, begin?: () => Promise<unknown>): Promise<void> {
    const before = (await child.ask({ type: 'usage' })).cpu;
    let since = performance.now();
    const follower = await Follower.connect(child.idle.address, client, { asks });
    if (begin !== undefined) {
      await sleep(100);
      since = performance.now();
      void begin();
    }
    this.came = await follower.settle(0, since, 1500);
    this.#last.push(this.came.last);
    this.#cpu.push((await child.ask({ type: 'finish' })).cpu - before);
    follower.client.close();
  }

  format(name: string): Row {
    return { [`${name} ms`]: summarize(this.#last), [`${name} cpu ms`]: summarize(this.#cpu) };
  }
}

/**
 * Many sessions of one Gateway: those that come for the first time, and those that have everything
 * already.
 */
export async function measureReconnect(options: LoadOptions): Promise<Report> {
  const { sessions } = options;
  const rows: Row[] = [];
  await serveEach(options, async ({ services: count, child, follower: first }) => {
    const versions = first.versions();
    const before = await child.ask({ type: 'usage' });
    const since = performance.now();
    const followers = await Promise.all(
      Array.from({ length: sessions }, () => Follower.connect(child.idle.address, client, { versions })),
    );
    let settled = 0;
    let cpu = (await child.ask({ type: 'edits', edits: [], oneByOne: false })).cpu;
    for (;;) {
      await sleep(250);
      const now = (await child.ask({ type: 'edits', edits: [], oneByOne: false })).cpu;
      settled = performance.now() - since;
      if (now - cpu < 10) break;
      cpu = now;
    }
    const after = await child.ask({ type: 'usage' });
    rows.push({
      services: count,
      sessions,
      'time ms': settled,
      'cpu ms per session': (after.cpu - before.cpu) / sessions,
      'heap kB per session': (after.heap - before.heap) / 1024 / sessions,
      'responses to them': followers.reduce((sum, { client: one }) => sum + one.responses.length, 0),
      'resources sent again': followers.reduce(
        (sum, { client: one }) => sum + one.responses.reduce((all, { resources }) => all + resources.length, 0),
        0,
      ),
    });
    for (const follower of followers) follower.client.close();
  });
  return { benchmark: 'reconnect', rows };
}

/** Events at once and at several rates, and lone edits of another service in their midst. */
export async function measureStorm(options: LoadOptions): Promise<Report> {
  const { edits } = options;
  const rows: Row[] = [];
  await serveEach(options, async ({ services: count, child, follower }) => {
    for (const [turn, perSecond] of [200, 1000, 5000, Infinity].entries()) {
      const before = await child.ask({ type: 'usage' });
      const from = follower.client.responses.length;
      const since = performance.now();
      const events = perSecond === Infinity ? edits : Math.min(edits, perSecond * 5);
      const first = turn * edits;
      const { loneEdits, steps, longestStep } = await child.ask({
        type: 'storm',
        services: count,
        rich: options.rich,
        events,
        perSecond,
        first,
      });
      const isThere = (): boolean =>
        arrivals(follower.client.responses.slice(from), loneEdits.slice(-1)).every((at) => at < Infinity);
      for (const end = performance.now() + 60_000; !isThere() && performance.now() < end;) await sleep(50);
      const came = await follower.settle(from, since, 500);
      const after = await child.ask({ type: 'usage' });
      const seen = arrivals(follower.client.responses.slice(from), loneEdits);
      rows.push({
        services: count,
        'events/s': perSecond === Infinity ? 'at once' : perSecond,
        events,
        'lone edits': loneEdits.length,
        'lone edit ms': summarize(loneEdits.map(({ at }, index) => (seen[index] ?? Infinity) - at)),
        'until the last byte ms': came.last,
        'cpu ms': after.cpu - before.cpu,
        steps,
        'longest step ms': longestStep,
        responses: came.responses,
        resources: came.resources,
        bytes: came.bytes,
        'rss growth MB': (after.rss - before.rss) / megabyte,
      });
    }
  });
  return { benchmark: 'storm', rows };
}

/**
 * When each lone edit was there, or a later one of the same service, in milliseconds since 1970;
 * Infinity if none was.
 */
function arrivals(responses: readonly ReceivedResponse[], edits: readonly LoneEdit[]): readonly number[] {
  const seen = edits.map(() => Infinity);
  for (const { resources, at } of responses) {
    for (const { name, value } of resources) {
      const service = /^inbound-vip\|80\|http\|(s\d{4}9)\./.exec(name)?.[1];
      if (service === undefined) continue;
      const revision = Number(/x-revision\W+(\d+)/.exec(Buffer.from(value).toString('latin1'))?.[1] ?? 0);
      for (const [index, edit] of edits.entries()) {
        if (serviceName(edit.service) !== service || edit.revision > revision) continue;
        seen[index] = Math.min(seen[index] ?? Infinity, performance.timeOrigin + at);
      }
    }
  }
  return seen;
}

/** Over the idle process with its libraries, with one connected proxy. */
export async function measureMemory(options: LoadOptions): Promise<Report> {
  const rows: Row[] = [];
  await serveEach(options, async ({ services: count, child }) => {
    await sleep(500);
    await child.ask({ type: 'usage' });
    const used = await child.ask({ type: 'usage' });
    rows.push({
      services: count,
      'idle rss MB': child.idle.rss / megabyte,
      'rss over idle MB': (used.rss - child.idle.rss) / megabyte,
      'heap over idle MB': (used.heap - child.idle.heap) / megabyte,
    });
  });
  return { benchmark: 'memory', rows };
}

/** Many edits, one after the other: the memory afterwards is the memory before. */
export async function measureSoak(options: LoadOptions): Promise<Report> {
  const { edits } = options;
  const rows: Row[] = [];
  await serveEach(options, async ({ services: count, child, follower }) => {
    const parts = 10;
    for (let part = 0; part <= parts; part += 1) {
      const used = await child.ask({ type: 'usage' });
      rows.push({
        services: count,
        edits: (part * edits) / parts,
        'heap MB': used.heap / megabyte,
        'rss MB': used.rss / megabyte,
      });
      if (part === parts) break;
      const from = follower.client.responses.length;
      const all = Array.from({ length: edits / parts }, (_, index) => {
        const number = (part * edits) / parts + index;
        const kind = editKinds[number % editKinds.length] ?? 'endpoint';
        // The next edit removes what this one adds.
        return kind === 'service-remove' ? makeEdit(kind, count, number - 1) : makeEdit(kind, count, number);
      });
      await child.ask({ type: 'edits', edits: all, oneByOne: true });
      await follower.settle(from, performance.now(), 300);
      follower.forget();
    }
  });
  return { benchmark: 'soak', rows };
}
