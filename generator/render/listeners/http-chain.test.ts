import { expect, it } from 'vitest';
import type { AccessLogging } from '../../model/access-log.ts';
import type { FrontendAddress, ServedAddress } from '../../model/frontend.ts';
import { renderHttpChain, renderHttpManager } from './http-chain.ts';

const paths = { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' } as const;
const address: FrontendAddress = { host: 'web.example', port: 80, protocol: 'http', addresses: ['10.0.0.1'], paths };
const service = { namespace: 'shop', name: 'web' };
const log: AccessLogging = { target: 'stdout', format: 'own' };

it('gives a manager of another content another name, which its chain says', () => {
  const cases: readonly (readonly [
    FrontendAddress,
    ServedAddress['service'],
    { readonly accessLog: AccessLogging },
  ])[] = [
    [address, service, { accessLog: log }],
    [address, service, { accessLog: 'none' }],
    [address, service, { accessLog: { target: 'stderr', format: 'own' } }],
    [address, service, { accessLog: { target: 'stdout', format: { text: '%PROTOCOL%\n' } } }],
    [{ ...address, protocol: 'http2' }, service, { accessLog: log }],
    [{ ...address, protocol: 'grpc-web' }, service, { accessLog: log }],
    [{ ...address, forwardPort: 8080 }, service, { accessLog: log }],
    [{ ...address, paths: { ...paths, mergeSlashes: true } }, service, { accessLog: log }],
    [address, { ...service, name: 'other' }, { accessLog: log }],
    [address, { ...service, namespace: 'other' }, { accessLog: log }],
  ];
  const contents = new Map<string, string>();
  for (const [of, by, settings] of cases) {
    const { name, json } = renderHttpManager({ address: of, service: by, ...settings });
    const [filter] = renderHttpChain({ address: of, service: by, tcpConditions: [] }, settings).filters ?? [];
    expect(filter?.name).toBe(name);
    contents.set(name, JSON.stringify(json['typed_config']));
  }
  expect(contents.size).toBe(cases.length);
  expect(new Set(contents.values()).size).toBe(cases.length);
});
