// VirtualService `headers`: edits of requests and answers.

import type { FieldPath, HeaderOperations } from '../../../mesh/index.ts';
import type { HeaderEdits } from '../../model/http-route.ts';
import { readHeaderValue } from '../frontend/header-value.ts';
import { findEditProblem } from '../frontend/own-headers.ts';
import { reportField, type VirtualServiceContext } from './context.ts';

/** Header edits, and the Host header if a rule sets it, which is a rewrite of the authority. */
export interface ResolvedHeaderEdits {
  readonly edits?: HeaderEdits;
  readonly authority?: string;
}

/**
 * The edits of one direction, which is the last step of the path, sorted by name; `host` among the
 * request's set or add becomes the authority.
 */
export function resolveHeaderEdits(
  context: VirtualServiceContext,
  operations: HeaderOperations | undefined,
  path: FieldPath,
): ResolvedHeaderEdits {
  if (operations === undefined) return {};
  let authority: string | undefined;
  const isOurs = (operation: 'add' | 'remove' | 'set', name: string, at: FieldPath): boolean => {
    const direction = path.at(-1) === 'response' ? 'response' : 'request';
    const problem = findEditProblem(direction, operation, name.toLowerCase());
    if (problem === undefined) return true;
    reportField(context, 'FieldNotSupported', at, `${problem}, so this edit has no effect`);
    return false;
  };
  const edit = (field: 'set' | 'add'): HeaderEdits['set'] =>
    Object.entries(operations[field] ?? {})
      .filter(([name, value]) => {
        if (name.toLowerCase() === 'host' || name.toLowerCase() === ':authority') {
          if (isSendable(context, name, value, [...path, field, name])) authority = value;
          return false;
        }
        return (
          isEditable(context, name, [...path, field, name]) &&
          isOurs(field, name, [...path, field, name]) &&
          isSendable(context, name, value, [...path, field, name])
        );
      })
      .map(([name, value]) => [name.toLowerCase(), readHeaderValue(value)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  const set = edit('set');
  const add = edit('add');
  const remove = [...(operations.remove ?? [])]
    .filter((name, index) => {
      const at = [...path, 'remove', index];
      return isEditable(context, name, at) && isOurs('remove', name, at);
    })
    .map((name) => name.toLowerCase())
    .sort();
  const none = set.length === 0 && add.length === 0 && remove.length === 0;
  return {
    ...(none ? {} : { edits: { set, add, remove } }),
    ...(authority === undefined ? {} : { authority }),
  };
}

/** Bytes of a value at most; a percent sign takes two. */
const maximumValueBytes = 16_384;

/** Envoy refuses values that are too long, or would end their line. */
function isSendable(context: VirtualServiceContext, name: string, value: string, path: FieldPath): boolean {
  const isTooLong = new TextEncoder().encode(value.replaceAll('%', '%%')).length > maximumValueBytes;
  if (!isTooLong && !/[\r\n]/.test(value)) return true;
  const reason = isTooLong ? `is longer than ${maximumValueBytes} bytes` : 'has a line break';
  reportField(context, 'InvalidValue', path, `a value of header "${name}" ${reason}, so this edit has no effect`);
  return false;
}

/** Envoy refuses edits of pseudo headers and removal of the host. */
function isEditable(context: VirtualServiceContext, name: string, path: FieldPath): boolean {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && name.toLowerCase() !== 'host') return true;
  reportField(context, 'InvalidValue', path, `header "${name}" cannot be edited, so this edit has no effect`);
  return false;
}
