// A kubelet's treatment of a pod template, as far as the environment of a container goes.

import type { TemplateObject } from '../../templates/index.ts';

/** The values that the kubelet fills in for `fieldRef`, and the cores of the container's limit. */
export interface PodFacts {
  readonly fields: Readonly<Record<string, string>>;
  readonly cpus: number;
}

interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly resourceFieldRef?: { readonly resource: string };
  };
}

/** The part of a Deployment that tests of pods read. */
export interface DeploymentObject {
  readonly spec: {
    readonly template: {
      readonly metadata: {
        readonly labels: Readonly<Record<string, string>>;
        readonly annotations: Readonly<Record<string, string>>;
      };
      readonly spec: Readonly<Record<string, unknown>> & {
        readonly containers: readonly { readonly name: string; readonly env: readonly EnvironmentVariable[] }[];
      };
    };
  };
}

/** The Deployment among objects that were rendered. */
export function findDeployment(objects: readonly TemplateObject[]): DeploymentObject {
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) throw new Error('there is no Deployment among the objects');
  const { spec } = deployment;
  return { spec: spec as DeploymentObject['spec'] };
}

/** The environment of the first container. */
export function readEnvironment(deployment: DeploymentObject, facts: PodFacts): Readonly<Record<string, string>> {
  const [container] = deployment.spec.template.spec.containers;
  const valueOf = ({ name, value, valueFrom }: EnvironmentVariable): string => {
    if (value !== undefined) return value;
    if (valueFrom?.resourceFieldRef?.resource === 'limits.cpu') return String(facts.cpus);
    const field = facts.fields[valueFrom?.fieldRef?.fieldPath ?? ''];
    if (field === undefined) throw new Error(`nothing is known for ${name}`);
    return field;
  };
  return Object.fromEntries((container?.env ?? []).map((variable) => [variable.name, valueOf(variable)]));
}
