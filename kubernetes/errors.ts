// Errors of the Kubernetes API. They name the request, the object and the answer, and say what to
// do.

/** The API's own account of an error. */
export interface StatusAnswer {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: unknown;
}

/** The API answered with an error. */
export class ApiError extends Error {
  readonly code = 'KubernetesApi';
  /** The HTTP status. */
  readonly status: number;
  /** The reason of the Status object, `AlreadyExists`; '' where there is none. */
  readonly reason: string;
  /** The details of the Status object: the fields of a Conflict or an Invalid. */
  readonly details: unknown;

  /** `what` is the request in words: `apply Gateway shop/waypoint`. */
  constructor(what: string, status: number, answer: StatusAnswer, server: string) {
    const { message = '', reason = '' } = answer;
    const advice = adviceFor(status, server);
    super(
      `${what}: ${status}${reason === '' ? '' : ` ${reason}`}${message === '' ? '' : `: ${message}`}${advice === undefined ? '' : ` (${advice})`}`,
    );
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.details = answer.details;
  }
}

/** The API could not be reached, or did not answer in time. */
export class ApiUnreachableError extends Error {
  readonly code = 'KubernetesUnreachable';

  constructor(what: string, server: string, cause: unknown) {
    const { code, message } =
      cause instanceof Error ? (cause as NodeJS.ErrnoException) : { code: '', message: String(cause) };
    const known = failures[code ?? ''];
    super(`${what}: ${server} ${known ?? `cannot be reached: ${message === '' ? code : message}`}`, { cause });
    this.name = 'ApiUnreachableError';
  }
}

/**
 * There is no access to a cluster: no kubeconfig, no such context, a credential plugin that failed.
 */
export class ClusterAccessError extends Error {
  readonly code = 'KubernetesAccess';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'ClusterAccessError';
  }
}

function adviceFor(status: number, server: string): string | undefined {
  if (status === 401) return `${server} does not accept these credentials: log in again, or choose another context`;
  if (status === 403) return `what is missing is a Role or ClusterRole that allows it, bound to this user`;
  return undefined;
}

const untrusted = 'shows a certificate that the CA of the kubeconfig did not sign: is it the right cluster?';

const failures: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections: is the cluster running, and is this its address?',
  ENOTFOUND: 'has no address: is the name in the kubeconfig right?',
  EAI_AGAIN: 'has no address just now: DNS does not answer',
  EHOSTUNREACH: 'cannot be reached: there is no route to it',
  ENETUNREACH: 'cannot be reached: there is no route to it',
  ETIMEDOUT: 'did not answer in time',
  ECONNRESET: 'closed the connection before it answered',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_HAS_EXPIRED: 'shows a certificate that has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate of another name: is the address in the kubeconfig right?',
};
