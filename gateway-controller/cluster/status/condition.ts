// Conditions as Kubernetes keeps them: one for each type, with the time of its last change of
// status. Unchanged conditions keep their time, so that nothing is written when nothing changed.

/** A condition without the time of its last change. */
export interface Condition {
  readonly type: string;
  readonly status: 'False' | 'True' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** Absent for kinds without a generation. Istio's own control plane writes it as text. */
  readonly observedGeneration?: number | string;
}

/** A condition as it is written; RFC 3339. */
export interface DatedCondition extends Condition {
  readonly lastTransitionTime: string;
}

/**
 * Gives conditions their times: those of conditions of the same type and status are kept, the
 * others changed `now`.
 */
export function dateConditions(
  wanted: readonly Condition[],
  current: readonly DatedCondition[],
  now: string,
): readonly DatedCondition[] {
  return wanted.map((condition) => {
    const before = current.find(({ type }) => type === condition.type);
    return {
      ...condition,
      lastTransitionTime: before?.status === condition.status ? before.lastTransitionTime : now,
    };
  });
}

/**
 * Whether the conditions of `types` are as wanted, times aside. Conditions of other types are
 * ignored.
 */
export function hasConditions(
  current: readonly DatedCondition[],
  wanted: readonly Condition[],
  types: readonly string[],
): boolean {
  const own = current.filter(({ type }) => types.includes(type));
  return own.length === wanted.length && wanted.every((each) => own.some((known) => isSame(known, each)));
}

function isSame(left: Condition, right: Condition): boolean {
  return (
    left.type === right.type &&
    left.status === right.status &&
    left.reason === right.reason &&
    left.message === right.message &&
    String(left.observedGeneration ?? '') === String(right.observedGeneration ?? '')
  );
}

/** The conditions in a list of a `status`; other values are skipped. */
export function readConditions(value: unknown): readonly DatedCondition[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: unknown): readonly DatedCondition[] => {
    if (!isFields(each)) return [];
    const { type, status, reason, message, lastTransitionTime, observedGeneration } = each;
    if (typeof type !== 'string' || !isStatus(status)) return [];
    return [
      {
        type,
        status,
        reason: textOf(reason),
        message: textOf(message),
        lastTransitionTime: textOf(lastTransitionTime),
        ...(typeof observedGeneration === 'number' || typeof observedGeneration === 'string'
          ? { observedGeneration }
          : {}),
      },
    ];
  });
}

/** True for an object of fields. */
export function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStatus(value: unknown): value is Condition['status'] {
  return value === 'True' || value === 'False' || value === 'Unknown';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
