// Plain data for scripts, and Findings for people.

import picocolors from 'picocolors';
import { formatPath, formatPosition, formatRef } from '../mesh/index.ts';
import type { PlacedFinding, Severity } from '../mesh/index.ts';
import { formatYaml } from '../templates/index.ts';

/** The format of data. */
export type DataFormat = 'yaml' | 'json';

/** Data as text that ends in a newline. */
export function formatData(value: unknown, format: DataFormat): string {
  return format === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : formatYaml(value);
}

/**
 * One Finding as `file:line:column: severity code object: message (field)`, with the hint on a line
 * of its own.
 */
export function formatFinding(finding: PlacedFinding, isColoured: boolean): string {
  const colours = picocolors.createColors(isColoured);
  const paint: Record<Severity, (text: string) => string> = {
    error: colours.red,
    warning: colours.yellow,
    info: colours.cyan,
  };
  const { code, severity, ref, path, message, hint, position } = finding;
  const place = position === undefined ? '' : `${colours.bold(formatPosition(position))}: `;
  const object = ref.kind === '' || ref.name === '' ? '' : ` ${formatRef(ref)}`;
  const field = path.length === 0 ? '' : ` (${formatPath(path)})`;
  const advice = hint === undefined ? '' : `    ${colours.dim(`hint: ${hint}`)}\n`;
  return `${place}${paint[severity](severity)} ${code}${object}: ${message}${field}\n${advice}`;
}

/** A Finding for scripts: the place and the object in fields of their own, the path as text. */
export function describeFinding(finding: PlacedFinding): Record<string, unknown> {
  const { code, severity, ref, path, message, hint, position } = finding;
  return {
    ...position,
    severity,
    code,
    object: ref,
    path: formatPath(path),
    message,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** `2 errors, 1 warning`; undefined when there are none. */
export function countFindings(findings: readonly PlacedFinding[]): string | undefined {
  const parts = (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    const noun = severity === 'info' ? (count === 1 ? 'note' : 'notes') : `${severity}${count === 1 ? '' : 's'}`;
    return count === 0 ? [] : [`${count} ${noun}`];
  });
  return parts.length === 0 ? undefined : parts.join(', ');
}
