// The output of every benchmark: medians with their extremes in a table or as JSON, and the
// machine.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { findEnvoy } from '../../test/support/envoy.ts';

/** Several measurements of one thing. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly p99: number;
  readonly count: number;
}

/** A line of a table: texts and numbers by column. */
export type Row = Readonly<Record<string, string | number | Summary>>;

/** The result of a benchmark. */
export interface Report {
  readonly benchmark: string;
  readonly rows: readonly Row[];
}

/** Median, extremes and 99th percentile. */
export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { median: at(0.5), min: at(0), max: at(1), p99: at(0.99), count: sorted.length };
}

/** A report for people: one line per row, `median (min–max)` for repeated measurements. */
export function formatTable({ benchmark, rows }: Report): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => formatCell(row[column])))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const { cores, node, envoy, cairn } = describeMachine();
  return [`${benchmark} (${cores} cores, Node ${node}, Envoy ${envoy}, Cairn ${cairn})`, '', ...lines, ''].join('\n');
}

/** A report for programs. */
export function formatJson(report: Report): string {
  return `${JSON.stringify({ ...report, machine: describeMachine() }, undefined, 2)}\n`;
}

function formatCell(value: Row[string] | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatNumber(value);
  return `${formatNumber(value.median)} (${formatNumber(value.min)}–${formatNumber(value.max)})`;
}

function formatNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function describeMachine(): Readonly<Record<'cores' | 'node' | 'envoy' | 'cairn', string>> {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    cores: String(availableParallelism()),
    node: process.versions.node,
    envoy: envoyVersion(),
    cairn: manifest.version,
  };
}

function envoyVersion(): string {
  try {
    const text = execFileSync(findEnvoy(), ['--version'], { encoding: 'utf8' });
    return /\/(\d+\.\d+\.\d+)\//.exec(text)?.[1] ?? 'unknown';
  } catch {
    return 'none';
  }
}
