import { expect, it } from 'vitest';
import type { FrontendAddress } from '../../model/frontend.ts';
import { renderTcpChains } from './tcp-chain.ts';

const filtersOf = (address: Pick<FrontendAddress, 'protocol' | 'addresses'>): readonly (string | undefined)[] =>
  renderTcpChains({
    address: {
      host: 'db.example',
      port: 5432,
      paths: { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' },
      ...address,
    },
    service: { namespace: 'shop', name: 'db' },
    tcpConditions: [],
  })
    .flatMap(({ filters }) => filters ?? [])
    .map(({ name }) => name);

it('leaves to the CONNECT what a list of addresses can name', () => {
  expect(filtersOf({ protocol: 'tcp', addresses: ['10.0.0.3', 'fd00::3'] })).toEqual([
    'tcp_proxy|inbound-vip|5432|tcp|db.example',
  ]);
});

it.each([
  ['a range of addresses', { protocol: 'tcp', addresses: ['10.0.0.3', '198.51.100.0/24'] }],
  ['a sniffed port', { protocol: 'auto', addresses: ['10.0.0.3'] }],
] as const)('asks the policies of %s before it opens a connection', (_, address) => {
  expect(filtersOf(address)).toEqual([
    'deny|inbound-vip|5432|tcp|db.example',
    'allow|inbound-vip|5432|tcp|db.example',
    'tcp_proxy|inbound-vip|5432|tcp|db.example',
  ]);
});
