// The shapes that decide whether a mistake is open or closed.

import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../envoy-api/index.ts';
import { type Authorization, type AuthorizationRule, openAuthorization } from '../model/authorization.ts';
import { renderAuthorization, renderAuthorizationFilters, renderNetworkAuthorization } from './authorization.ts';

const rule: AuthorizationRule = {
  key: 'ns[a]-policy[b]-rule[0]',
  operation: { all: [{ path: { exact: '/' } }, { not: { any: [] } }] },
  source: { any: [{ identity: { exact: 'spiffe://x' } }, { sourceAddress: { address: '10.0.0.0', prefix: 8 } }] },
};

function render(authorization: Partial<Authorization>): ReturnType<typeof renderAuthorization>['typedPerFilterConfig'] {
  return renderAuthorization({ ...openAuthorization, ...authorization }).typedPerFilterConfig;
}

describe('renderAuthorization', () => {
  it('turns the allow filter off only where no policy allows anything', () => {
    const off = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute' };
    expect(render({})).toEqual({ 'cairn.rbac.allow': off });
    expect(render({ allow: [] })).toMatchObject({
      'cairn.rbac.allow': { rbac: { rules: { action: 'ALLOW', policies: {} } } },
    });
  });

  it('allows nothing where a virtual host says nothing', () => {
    expect(renderAuthorizationFilters()).toMatchObject([
      { name: 'cairn.rbac.deny', typed_config: {} },
      { name: 'cairn.rbac.allow', typed_config: { rules: { action: 'ALLOW', policies: {} } } },
    ]);
    expect(renderNetworkAuthorization({ ...openAuthorization, allow: [] }, 'allow')).toMatchObject({
      rules: { action: 'ALLOW', policies: {} },
    });
    expect(renderNetworkAuthorization(openAuthorization, 'allow')).not.toHaveProperty('rules');
    expect(renderNetworkAuthorization(openAuthorization, 'deny')).not.toHaveProperty('rules');
  });

  it('renders predicates that Envoy’s schema accepts', () => {
    const config = render({ deny: [rule], allow: [{ ...rule, operation: { any: [] }, source: { all: [] } }] });
    for (const value of Object.values(config)) expect(encodeMessage('google.protobuf.Any', value)).toBeDefined();
    expect(config['cairn.rbac.allow']).toMatchObject({
      rbac: {
        rules: {
          policies: { [rule.key]: { permissions: [{ not_rule: { any: true } }], principals: [{ any: true }] } },
        },
      },
    });
  });

  it('names the policies that were tried', () => {
    expect(renderAuthorization({ ...openAuthorization, allow: [], allowPolicies: ['a/b', 'c/d'] }).metadata).toEqual({
      filter_metadata: { cairn: { allow_policies: 'a/b,c/d' } },
    });
  });
});
