import { expect, it } from 'vitest';
import type { FrontendAddress } from '../../model/frontend.ts';
import { renderTcpChains } from './tcp-chain.ts';

const filtersOf = (address: Pick<FrontendAddress, 'protocol' | 'tcpVerdict'>): readonly (string | undefined)[] =>
  renderTcpChains({
    address: {
      host: 'db.example',
      port: 5432,
      addresses: ['10.0.0.3'],
      paths: { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' },
      ...address,
    },
    service: { namespace: 'shop', name: 'db' },
    tcpConditions: [],
  })
    .flatMap(({ filters }) => filters ?? [])
    .map(({ name }) => name);

it('leaves to the CONNECT what is decided there', () => {
  expect(filtersOf({ protocol: 'tcp', tcpVerdict: 'connect' })).toEqual(['tcp_proxy|inbound-vip|5432|tcp|db.example']);
});

it.each([
  ['a port', { protocol: 'tcp', tcpVerdict: 'chain' }],
  ['a sniffed port', { protocol: 'auto', tcpVerdict: 'chain' }],
] as const)('asks the policies of %s that are decided in the chain before it opens a connection', (_, address) => {
  expect(filtersOf(address)).toEqual([
    'deny|inbound-vip|5432|tcp|db.example',
    'allow|inbound-vip|5432|tcp|db.example',
    'tcp_proxy|inbound-vip|5432|tcp|db.example',
  ]);
});
