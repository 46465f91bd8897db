// Judges the rendered HorizontalPodAutoscaler by simulating an autoscaler that obeys it under a
// load: Kubernetes' own rules (ratio with a tolerance of a tenth, stabilization windows, policies),
// stepped every 15 s.

import { expect, it } from 'vitest';
import { defaultWaypointTemplateSettings } from './settings.ts';
import { renderAutoscaler } from './scaling.ts';

interface Rules {
  readonly stabilizationWindowSeconds: number;
  readonly policies: readonly { readonly type: string; readonly value: number; readonly periodSeconds: number }[];
}

const stepSeconds = 15;

function readBehavior(): { readonly scaleUp: Rules; readonly scaleDown: Rules } {
  const { spec } = renderAutoscaler({
    gateway: {
      name: 'waypoint',
      namespace: 'default',
      uid: 'u',
      labels: {},
      annotations: {},
      spec: { gatewayClassName: 'istio-waypoint' },
    },
    className: 'istio-waypoint',
    controllerName: 'istio.io/mesh-controller',
    settings: defaultWaypointTemplateSettings,
    overlays: [],
  });
  return (spec as { behavior: ReturnType<typeof readBehavior> }).behavior;
}

/** The number of pods at each step under a load, given in pods at the target utilization. */
function simulate(load: (seconds: number) => number, seconds: number, behavior = readBehavior()): readonly number[] {
  const { scaleUp, scaleDown } = behavior;
  const wanted: number[] = [];
  const pods = [Math.max(1, Math.ceil(load(0)))];
  for (let at = stepSeconds; at <= seconds; at += stepSeconds) {
    const current = pods.at(-1) ?? 1;
    const ratio = load(at) / current;
    wanted.push(Math.abs(ratio - 1) <= 0.1 ? current : Math.max(1, Math.ceil(load(at))));
    const upWish = Math.min(...recent(wanted, scaleUp.stabilizationWindowSeconds));
    const downWish = Math.max(...recent(wanted, scaleDown.stabilizationWindowSeconds));
    const bound = Math.min(Math.max(current, upWish), Math.max(downWish, upWish));
    if (bound > current) pods.push(Math.min(bound, current + allowance(pods, scaleUp)));
    else pods.push(Math.max(bound, current - allowance(pods, scaleDown)));
  }
  return pods;
}

function recent(values: readonly number[], windowSeconds: number): readonly number[] {
  return values.slice(-Math.max(1, windowSeconds / stepSeconds));
}

/** The largest change that one of the policies still allows now (`selectPolicy: Max`). */
function allowance(pods: readonly number[], { policies }: Rules): number {
  const current = pods.at(-1) ?? 1;
  return Math.max(
    ...policies.map(({ type, value, periodSeconds }) => {
      const before = pods.at(-1 - periodSeconds / stepSeconds) ?? pods[0] ?? 1;
      const change = type === 'Pods' ? value : Math.ceil((before * value) / 100);
      return Math.max(0, change - Math.abs(current - before));
    }),
  );
}

/** The number of times that the pods turn from growing to shrinking or back. */
function turns(pods: readonly number[]): number {
  const steps = pods.slice(1).map((count, index) => Math.sign(count - (pods[index] ?? count)));
  const moves = steps.filter((step) => step !== 0);
  return moves.slice(1).filter((step, index) => step !== moves[index]).length;
}

it.each([
  [60, 1],
  [240, 1],
  [480, 1],
])('holds the pods still under a load that swings every %i s', (period, most) => {
  const swing = (at: number): number => (at % period < period / 2 ? 4 : 12);
  expect(turns(simulate(swing, 7200))).toBeLessThanOrEqual(most);
  // The judge can tell: without windows the same load oscillates.
  const { scaleUp } = readBehavior();
  const hasty = {
    scaleUp: { ...scaleUp, stabilizationWindowSeconds: 0 },
    scaleDown: { policies: scaleUp.policies, stabilizationWindowSeconds: 0 },
  };
  expect(turns(simulate(swing, 7200, hasty))).toBeGreaterThan(10);
});

it('has the pods for four times the load within two minutes', () => {
  const pods = simulate((at) => (at < 60 ? 3 : 12), 600);
  expect(pods[(60 + 120) / stepSeconds]).toBe(12);
});

it('gives pods back when the load stays away, one after the other', () => {
  const pods = simulate((at) => (at < 60 ? 8 : 2), 3600);
  expect(pods.at(-1)).toBe(2);
  const losses = pods.slice(1).map((count, index) => (pods[index] ?? count) - count);
  expect(Math.max(...losses)).toBe(1);
});
