// The door of the Kubernetes API access. It knows no mesh semantics.

export { type ClusterAccess, type Credentials, loadClusterAccess, type LoadedAccess } from './access.ts';
export { ApiClient, type DeleteOptions, type ListOptions } from './client.ts';
export { ApiError, ApiUnreachableError } from './errors.ts';
export { LeaderElection } from './leader-election.ts';
export type { ForwardedPort } from './port-forward.ts';
export { Reflector, type ReflectorEvent, type ReflectorProblem } from './reflector.ts';
export {
  type ApiResource,
  apiVersionOf,
  type KubernetesObject,
  type ManagedFields,
  type ObjectMeta,
  type OwnerReference,
  resources,
  watchedResources,
} from './resource.ts';
export { type ReviewedToken, reviewToken } from './token-review.ts';
