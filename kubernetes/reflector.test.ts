import { afterEach, describe, expect, it } from 'vitest';
import {
  answerJson,
  answerList,
  answerStatus,
  answerWatch,
  eventLine,
  inTurn,
  type ScriptedAnswer,
  type ScriptedApi,
  type ScriptedRequest,
  startScriptedApi,
} from '../test/support/scripted-api.ts';
import { waitFor } from '../test/support/wait.ts';
import { ApiClient } from './client.ts';
import { Reflector, type ReflectorOptions, type ReflectorProblem, type ReflectorTiming } from './reflector.ts';
import { resources } from './resource.ts';

const quick: ReflectorTiming = {
  backOff: { baseMs: 5, maxMs: 40 },
  silenceMs: 300,
  missing: [20, 30],
  shortWatchMs: 10,
};

interface Followed {
  readonly api: ScriptedApi;
  readonly reflector: Reflector;
  /** `= a b` for a complete list, `+ a`, `~ a`, `- a` for events. */
  readonly seen: string[];
  readonly problems: ReflectorProblem[];
}

const running: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

/**
 * Follows routes on a server that answers lists and watches by these scripts, and other requests by
 * `others`.
 */
async function follow(
  list: () => ScriptedAnswer,
  watch: () => ScriptedAnswer,
  options: {
    readonly others?: (request: ScriptedRequest) => ScriptedAnswer | undefined;
    readonly timeoutMs?: number;
    readonly reflector?: Partial<ReflectorOptions>;
  } = {},
): Promise<Followed> {
  const api = await startScriptedApi((request) => {
    if (!request.path.endsWith('/httproutes')) return options.others?.(request);
    return request.isWatch ? watch() : list();
  });
  const client = new ApiClient(api.access, { timeoutMs: options.timeoutMs ?? 5_000 });
  const seen: string[] = [];
  const problems: ReflectorProblem[] = [];
  const signs = { ADDED: '+', MODIFIED: '~', DELETED: '-' } as const;
  const reflector = new Reflector({
    client,
    resource: resources.HTTPRoute,
    onReplace: (objects) => seen.push(['=', ...objects.map(({ metadata }) => metadata.name)].join(' ')),
    onEvent: ({ type, object }) => seen.push(`${signs[type]} ${object.metadata.name}`),
    onProblem: (problem) => problems.push(problem),
    timing: quick,
    ...options.reflector,
  });
  running.push(api, client, reflector);
  reflector.start();
  return { api, reflector, seen, problems };
}

/** The place from which each watch began. */
function places(api: ScriptedApi): readonly (string | null)[] {
  return api.watches().map(({ query }) => query.get('resourceVersion'));
}

const noWatch = (): ScriptedAnswer => answerWatch([]);

describe('a Reflector', () => {
  it('hands on the whole list, page by page asked for, and then each change', async () => {
    const { api, reflector, seen } = await follow(
      inTurn(answerList(['a', 'b'], '7', 'more'), answerList(['c'], '7')),
      inTurn(
        answerWatch([eventLine('ADDED', 'd', '8'), eventLine('MODIFIED', 'a', '9'), eventLine('DELETED', 'b', '10')]),
      ),
    );
    await reflector.synced;
    expect(seen).toEqual(['= a b c']);
    await waitFor(() => seen.length === 4);
    expect(seen).toEqual(['= a b c', '+ d', '~ a', '- b']);
    expect(api.lists().map(({ query }) => [query.get('limit'), query.get('continue')])).toEqual([
      ['500', null],
      ['500', 'more'],
    ]);
    const [watch] = api.watches();
    expect(watch?.query.get('resourceVersion')).toBe('7');
    expect(watch?.query.get('allowWatchBookmarks')).toBe('true');
    const seconds = Number(watch?.query.get('timeoutSeconds'));
    expect(seconds >= 300 && seconds <= 600).toBe(true);
  });

  it('keeps of each object what its transform leaves', async () => {
    const kept: unknown[] = [];
    await follow(inTurn(answerList(['a'], '1')), inTurn(answerWatch([eventLine('ADDED', 'b', '2')])), {
      reflector: {
        transform: ({ metadata }) => ({ metadata: { name: metadata.name } }),
        onReplace: (objects) => kept.push(...objects),
        onEvent: ({ object }) => kept.push(object),
      },
    });
    await waitFor(() => kept.length === 2);
    expect(kept).toEqual([{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }]);
  });

  it('lists everything at once when its place in the pages is gone', async () => {
    const { api, seen } = await follow(
      inTurn(answerList(['a'], '1', 'more'), answerStatus(410, 'Expired'), answerList(['a', 'b'], '2')),
      noWatch,
    );
    await waitFor(() => seen.length === 1);
    expect(seen).toEqual(['= a b']);
    expect(api.lists().map(({ query }) => query.get('limit'))).toEqual(['500', '500', null]);
  });

  it.each([
    ['as the answer', answerStatus(410, 'Expired')],
    [
      'as an event',
      answerWatch([`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`]),
    ],
  ])('lists again after a 410 %s, and says nothing of it', async (_, gone) => {
    const { api, seen, problems } = await follow(
      inTurn(answerList(['a', 'b'], '1'), answerList(['b', 'c'], '9')),
      inTurn(gone, answerWatch([eventLine('ADDED', 'd', '10')])),
    );
    await waitFor(() => seen.length === 3);
    expect(seen).toEqual(['= a b', '= b c', '+ d']);
    expect(places(api)).toEqual(['1', '9']);
    expect(problems).toEqual([]);
  });

  it('does not ask the API without a pause when it says 410 forever', async () => {
    const { api, problems } = await follow(inTurn(answerList(['a'], '1')), inTurn(answerStatus(410, 'Expired')), {
      reflector: { timing: { ...quick, backOff: { baseMs: 50, maxMs: 10_000 } } },
    });
    await waitFor(() => problems.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(api.watches().length).toBeLessThan(8);
  });

  it('goes on from the last whole line when a watch breaks within one', async () => {
    const half = eventLine('ADDED', 'c', '3');
    const { api, seen, problems } = await follow(
      inTurn(answerList(['a'], '1')),
      inTurn(
        answerWatch([eventLine('ADDED', 'b', '2'), half.slice(0, 30)], 'end'),
        answerWatch([half, eventLine('ADDED', 'd', '4').slice(0, 10)], 'reset'),
        answerWatch([eventLine('ADDED', 'd', '4')]),
      ),
    );
    await waitFor(() => seen.length === 4);
    expect(seen).toEqual(['= a', '+ b', '+ c', '+ d']);
    expect(places(api)).toEqual(['1', '2', '3']);
    expect(api.lists()).toHaveLength(1);
    expect(problems).toEqual([]);
  });

  it('reads a line that arrives byte by byte, and more than one at once', async () => {
    const line = eventLine('ADDED', 'größe', '2');
    const bytes = [...Buffer.from(line)].map((byte) => Buffer.from([byte]));
    const { seen } = await follow(
      inTurn(answerList([], '1')),
      inTurn(answerWatch([...bytes, `${eventLine('ADDED', 'b', '3')}${eventLine('ADDED', 'c', '4')}`])),
    );
    await waitFor(() => seen.length === 4);
    expect(seen).toEqual(['=', '+ größe', '+ b', '+ c']);
  });

  it('goes on from a bookmark', async () => {
    const { api, seen } = await follow(
      inTurn(answerList(['a'], '1')),
      inTurn(answerWatch([eventLine('BOOKMARK', '', '50')], 'end'), answerWatch([eventLine('ADDED', 'b', '51')])),
    );
    await waitFor(() => seen.length === 2);
    expect(seen).toEqual(['= a', '+ b']);
    expect(places(api)).toEqual(['1', '50']);
  });

  it('takes up a watch anew that has gone silent', async () => {
    const { api, seen, problems } = await follow(
      inTurn(answerList(['a'], '1')),
      inTurn(answerWatch([eventLine('ADDED', 'b', '2')]), answerWatch([eventLine('ADDED', 'c', '3')])),
    );
    await waitFor(() => seen.length === 3);
    expect(seen).toEqual(['= a', '+ b', '+ c']);
    expect(places(api).slice(0, 2)).toEqual(['1', '2']);
    expect(problems).toEqual([]);
  });

  it('gives a server up that never answers, and asks again', async () => {
    const hang: ScriptedAnswer = () => {};
    const { seen, problems, api } = await follow(
      inTurn(hang, hang, answerList(['a'], '1')),
      inTurn(hang, answerWatch([eventLine('ADDED', 'b', '2')])),
      { timeoutMs: 200 },
    );
    await waitFor(() => seen.length === 2);
    expect(seen).toEqual(['= a', '+ b']);
    expect(problems.map(({ code }) => code)).toEqual(['KubernetesUnreachable', 'KubernetesUnreachable']);
    expect(problems[0]?.message).toBe(
      `list httproutes: ${api.access.server} cannot be reached: no answer within 0.2 s`,
    );
  });

  it('never gives up, and reports an outage once', async () => {
    const down = Array.from({ length: 20 }, () => answerStatus(500, 'InternalError'));
    const { reflector, seen, problems } = await follow(inTurn(...down, answerList(['a'], '1')), noWatch);
    expect(reflector.isSynced).toBe(false);
    await reflector.synced;
    expect(seen).toEqual(['= a']);
    expect(problems.map(({ code }) => code)).toEqual(['KubernetesApi']);
    await waitFor(() => reflector.problem === undefined);
  });

  it('keeps its place while the API answers watches with errors, but not forever', async () => {
    const { api, seen } = await follow(
      inTurn(answerList(['a'], '1'), answerList(['b'], '9')),
      inTurn(...Array.from({ length: 4 }, () => answerStatus(504, 'Timeout')), answerWatch([])),
    );
    await waitFor(() => seen.length === 2);
    expect(seen).toEqual(['= a', '= b']);
    expect(places(api).slice(0, 4)).toEqual(['1', '1', '1', '1']);
  });

  it('says what to do when it may not look, and goes on when it may', async () => {
    const { reflector, problems, seen } = await follow(
      inTurn(
        answerStatus(401, 'Unauthorized'),
        answerStatus(403, 'Forbidden'),
        answerStatus(403, 'Forbidden'),
        answerList(['a'], '1'),
      ),
      noWatch,
    );
    await reflector.synced;
    expect(seen).toEqual(['= a']);
    expect(problems).toHaveLength(2);
    expect(problems[0]?.message).toMatch(/^list httproutes: 401 Unauthorized: .*log in again/);
    expect(problems[1]?.message).toMatch(/^list httproutes: 403 Forbidden: .*ClusterRole/);
  });

  it('lists again after a line that is no event', async () => {
    const { seen, problems } = await follow(
      inTurn(answerList(['a'], '1'), answerList(['a', 'b'], '5')),
      inTurn(answerWatch(['<html>\n']), answerWatch([])),
    );
    await waitFor(() => seen.length === 2);
    expect(seen).toEqual(['= a', '= a b']);
    expect(problems).toEqual([{ code: 'WatchBroken', message: 'the watch sent what is no event: <html>' }]);
  });

  it('does not hammer a server that ends each watch at once', async () => {
    const { api } = await follow(inTurn(answerList(['a'], '1')), inTurn(answerWatch([], 'end')), {
      reflector: { timing: { ...quick, backOff: { baseMs: 50, maxMs: 10_000 }, shortWatchMs: 1_000 } },
    });
    await waitFor(() => api.watches().length > 1);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(api.watches().length).toBeLessThan(8);
  });

  it('gives everything anew to a handler that failed', async () => {
    const seen: string[] = [];
    const { problems } = await follow(
      inTurn(answerList(['a'], '1'), answerList(['a', 'b'], '2')),
      inTurn(answerWatch([eventLine('ADDED', 'b', '2')]), answerWatch([])),
      {
        reflector: {
          onReplace: (objects) => seen.push(objects.map(({ metadata }) => metadata.name).join(' ')),
          onEvent: () => {
            throw new Error('no room');
          },
        },
      },
    );
    await waitFor(() => seen.length === 2);
    expect(seen).toEqual(['a', 'a b']);
    expect(problems[0]?.code).toBe('HandlerFailed');
    expect(problems[0]?.message).toContain('no room');
  });

  it('calls nothing after it was stopped, and ends who waits', async () => {
    const { reflector, seen } = await follow(() => () => {}, noWatch);
    await reflector.stop();
    await expect(reflector.synced).rejects.toThrow('httproutes was stopped before its first list');
    expect(seen).toEqual([]);
  });
});

describe('a kind that the cluster does not have', () => {
  const missing = answerStatus(404, 'NotFound');
  const discovery = (...plurals: readonly string[]): ScriptedAnswer =>
    answerJson({ resources: plurals.map((name) => ({ name })) });

  it('has no objects, is reported once, and is picked up when it is installed', async () => {
    const { reflector, seen, problems } = await follow(
      inTurn(missing, missing, missing, answerList(['a'], '5')),
      inTurn(answerWatch([eventLine('ADDED', 'b', '6')])),
      { others: ({ path }) => (path.startsWith('/apis/') ? missing : undefined) },
    );
    await reflector.synced;
    expect(seen).toEqual(['=']);
    await waitFor(() => seen.length === 3);
    expect(seen).toEqual(['=', '= a', '+ b']);
    expect(problems).toEqual([
      {
        code: 'KindMissing',
        message:
          'the cluster does not have the kind HTTPRoute (gateway.networking.k8s.io/v1): there are no such objects',
      },
    ]);
    expect(reflector.problem).toBeUndefined();
  });

  it('is read in the older version that the cluster has', async () => {
    const { api, seen } = await follow(inTurn(missing, answerList(['a'], '5')), noWatch, {
      others: ({ path }) => (path.endsWith('/v1beta1') ? discovery('gateways', 'httproutes') : missing),
    });
    await waitFor(() => api.watches().length > 0);
    expect(seen).toEqual(['= a']);
    expect(api.watches()[0]?.path).toBe('/apis/gateway.networking.k8s.io/v1beta1/httproutes');
  });

  it('is not believed to be gone when a server is only starting', async () => {
    const { reflector, seen } = await follow(inTurn(missing, missing, answerList(['a'], '1')), noWatch, {
      others: ({ path }) => (path === '/readyz' ? answerStatus(503, 'ServiceUnavailable') : missing),
    });
    await reflector.synced;
    expect(seen).toEqual(['= a']);
  });

  it('keeps its objects until the API has said three times that it is gone', async () => {
    const { seen, api, problems } = await follow(
      inTurn(answerList(['a'], '1'), missing, missing, answerList(['a'], '2'), missing, missing, missing),
      inTurn(missing),
      { others: ({ path }) => (path === '/readyz' ? undefined : missing) },
    );
    await waitFor(() => problems.some(({ code }) => code === 'KindMissing'));
    expect(seen).toEqual(['= a', '= a', '=']);
    expect(api.lists().filter(({ path }) => path.endsWith('/httproutes')).length).toBeGreaterThanOrEqual(7);
  });
});
