// Authorization by identity, method and path, with the deciding policy in the log.

import { logField } from '../access-log.ts';
import { compare } from '../check.ts';
import type { Check } from '../check.ts';
import type { LoggedAnswer, Tour, TourStep } from '../tour.ts';

const allowFile = 'productpage-viewer.yaml';
const denyFile = 'productpage-no-headers.yaml';
const refusal = '403 RBAC: access denied';

/** An ALLOW policy, then a DENY policy beside it. */
export const authorizationStep: TourStep = {
  title: 'productpage: only sleep may read it, and nobody its /headers; the log names the policy',
  walk: async (tour) => {
    try {
      return [...(await walkAllow(tour)), ...(await walkDeny(tour))];
    } finally {
      await tour.remove(allowFile, denyFile);
    }
  },
};

async function walkAllow(tour: Tour): Promise<readonly Check[]> {
  await tour.copy(allowFile);
  const { answer: stranger } = await tour.waitForEffect(
    'notsleep is refused',
    () => tour.ask('notsleep', 'productpage', '/productpage'),
    ({ status }) => status === 403,
  );
  const reader = await tour.ask('sleep', 'productpage', '/productpage');
  const writer = await tour.ask('sleep', 'productpage', '/productpage', { method: 'DELETE' });
  const line = await tour.findLine(stranger);
  return [
    compare('ALLOW sleep GET: sleep GET', 200, reader.status),
    compare('sleep DELETE', refusal, formatAnswer(writer)),
    compare('notsleep GET', refusal, formatAnswer(stranger)),
    compare('client in the log', 'spiffe://cluster.local/ns/default/sa/notsleep', logField(line, 'source_principal')),
    compare('decided by', 'rbac_access_denied_matched_policy[none]', logField(line, 'response_code_details')),
    compare('policies tried', 'default/productpage-viewer', logField(line, 'allow_policies')),
  ];
}

async function walkDeny(tour: Tour): Promise<readonly Check[]> {
  const allowed = await tour.ask('sleep', 'productpage', '/headers');
  await tour.copy(denyFile);
  const { answer: refused } = await tour.waitForEffect(
    'sleep is refused /headers',
    () => tour.ask('sleep', 'productpage', '/headers'),
    ({ status }) => status === 403,
  );
  const reader = await tour.ask('sleep', 'productpage', '/productpage');
  const line = await tour.findLine(refused);
  return [
    compare('before the DENY: sleep GET /headers', 200, allowed.status),
    compare('DENY /headers: sleep GET /headers', refusal, formatAnswer(refused)),
    compare('sleep GET /productpage', 200, reader.status),
    compare(
      'decided by',
      'rbac_access_denied_matched_policy[ns[default]-policy[productpage-no-headers]-rule[0]]',
      logField(line, 'response_code_details'),
    ),
  ];
}

function formatAnswer({ status, body }: LoggedAnswer): string {
  return `${status} ${body.trim().slice(0, 60)}`.trim();
}
