import { afterEach, describe, expect, it } from 'vitest';
import {
  answerJson,
  answerStatus,
  inTurn,
  type ScriptedAnswer,
  type ScriptedApi,
  startScriptedApi,
} from '../test/support/scripted-api.ts';
import { ApiClient } from './client.ts';
import { resources } from './resource.ts';

const running: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

async function start(
  answer: () => ScriptedAnswer,
  timeoutMs = 5_000,
): Promise<{ api: ScriptedApi; client: ApiClient }> {
  const api = await startScriptedApi(answer);
  const client = new ApiClient(api.access, { timeoutMs });
  running.push(api, client);
  return { api, client };
}

const pod = { metadata: { name: 'a', namespace: 'shop' } };

describe('a client of a server that', () => {
  it('is busy comes back when it was told to', async () => {
    const busy: ScriptedAnswer = (response) => {
      response.writeHead(429, { 'retry-after': '1', 'content-type': 'application/json' });
      response.end(JSON.stringify({ reason: 'TooManyRequests', message: 'later' }));
    };
    const { api, client } = await start(inTurn(busy, answerJson(pod)));
    expect(await client.get(resources.Pod, 'shop', 'a')).toEqual(pod);
    expect(api.requests).toHaveLength(2);
    expect([...client.answers]).toEqual([
      ['GET 429', 1],
      ['GET 200', 1],
    ]);
  });

  it('stays busy says so in the end', async () => {
    const { client } = await start(inTurn(answerStatus(429, 'TooManyRequests')), 1_500);
    await expect(client.get(resources.Pod, 'shop', 'a')).rejects.toThrow('get Pod shop/a: 429 TooManyRequests');
  });

  it('stops in the middle of an answer is not waited for', async () => {
    const { client, api } = await start(
      inTurn((response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('{"metadata":');
      }),
      300,
    );
    await expect(client.list(resources.Pod)).rejects.toThrow(
      `list pods: ${api.access.server} cannot be reached: no answer within 0.3 s`,
    );
  });

  it('closes connections while we take them up is asked again, but for what may have been done', async () => {
    const drop: ScriptedAnswer = (response) => response.socket?.resetAndDestroy();
    const { client, api } = await start(inTurn(answerJson(pod), drop, answerJson(pod), drop, answerJson(pod)));
    await client.get(resources.Pod, 'shop', 'a');
    expect(await client.get(resources.Pod, 'shop', 'a')).toEqual(pod);
    await expect(client.create(resources.Pod, pod)).rejects.toThrow(/create Pod shop\/a: .* closed the connection/);
    expect(api.requests.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET', 'POST']);
  });

  it('is no API server is described by what it answers', async () => {
    const { client } = await start(
      inTurn((response) => {
        response.writeHead(502, { 'content-type': 'text/html' });
        response.end('<html>Bad gateway</html>');
      }),
    );
    await expect(client.list(resources.Pod, { namespace: 'shop' })).rejects.toThrow(
      'list pods in shop: 502: <html>Bad gateway</html>',
    );
  });

  it('hangs is left when the client is stopped', async () => {
    const { client } = await start(() => () => {});
    const call = expect(client.list(resources.Pod)).rejects.toThrow('the client was stopped');
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.stop();
    await call;
  });

  it('gets names in paths as they are, and counts requests by what they were', async () => {
    const { client, api } = await start(inTurn(answerJson(pod)));
    await client.get(resources.ClusterRole, undefined, 'system:a/b');
    await client.apply(resources.Gateway, pod, { fieldManager: 'cairn', force: true, subresource: 'status' });
    expect(api.requests.map(({ path, query }) => `${path}?${query.toString()}`)).toEqual([
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%2Fb?',
      '/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/a/status?fieldManager=cairn&force=true',
    ]);
    expect([...client.requests]).toEqual([
      ['get ClusterRole', 1],
      ['apply Gateway/status', 1],
    ]);
  });
});
