// Workloads without an IP address: names, which a service may resolve, and Unix sockets, which no
// waypoint can reach.

import { type FieldPath, formatRef, isIpAddress, isUnixAddress, type MeshObject, refOf } from '../../../mesh/index.ts';
import type { ResolveContext } from '../context.ts';
import { isCaptured, workloadLabels } from './endpoints.ts';
import { hasLabels } from './endpoint.ts';

/** Reports a workload that some service selects and cannot reach, since it has no IP address. */
export function reportWorkloadAddress(context: ResolveContext, workload: MeshObject<'WorkloadEntry'>): void {
  const { address = '' } = workload.spec;
  if (address === '' || isIpAddress(address)) return;
  const path = ['spec', 'address'];
  if (isUnixAddress(address)) return reportSocket(context, workload, path);
  const asksForNames = ({ kind, spec }: MeshObject<'Service'> | MeshObject<'ServiceEntry'>): boolean =>
    kind === 'ServiceEntry' && 'resolution' in spec && /^DNS(?:_ROUND_ROBIN)?$/.test(spec.resolution ?? '');
  const service = selectingServices(context, workload).find((each) => isCaptured(workload) || !asksForNames(each));
  if (service === undefined) return;
  const reason = isCaptured(workload)
    ? `which no tunnel can be opened to, so this workload is no endpoint of ${formatRef(refOf(service))}`
    : `and ${formatRef(refOf(service))} asks for none, so this workload is no endpoint of it`;
  context.report({
    code: 'AddressInvalid',
    severity: 'error',
    ref: refOf(workload),
    path,
    message: `"${address}" is a name, ${reason}`,
    hint: isCaptured(workload)
      ? 'write an IP address'
      : 'write an IP address, or select the workload with a ServiceEntry of resolution DNS',
  });
}

function selectingServices(
  { mesh }: ResolveContext,
  workload: MeshObject<'WorkloadEntry'>,
): readonly (MeshObject<'Service'> | MeshObject<'ServiceEntry'>)[] {
  const { namespace } = workload.metadata;
  const selects = (selector: Readonly<Record<string, string>> = {}): boolean =>
    Object.keys(selector).length > 0 && hasLabels(workloadLabels(workload), selector);
  return [
    ...mesh.find('Service/namespace', namespace).filter(({ spec }) => selects(spec.selector)),
    ...mesh.find('ServiceEntry/namespace', namespace).filter(({ spec }) => selects(spec.workloadSelector?.labels)),
  ];
}

/** Reports an endpoint that is a Unix socket. */
export function reportSocket(
  context: ResolveContext,
  object: MeshObject<'ServiceEntry'> | MeshObject<'WorkloadEntry'>,
  path: FieldPath,
): void {
  context.report({
    code: 'FieldNotSupported',
    severity: 'warning',
    ref: refOf(object),
    path,
    message: 'a Unix socket is a file where its workload runs, which a waypoint cannot reach, so this is no endpoint',
    hint: 'let the workload listen at an IP address and write that one',
  });
}
