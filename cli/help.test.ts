// An option takes what its help promises: bounds of durations, examples, and listed values.

import type { Command, Option } from 'commander';
import { expect, it } from 'vitest';
import { checkInstallSettings, defaultInstallSettings, settingNames, settingSchemas } from '../templates/index.ts';
import { readControllerSettings } from './controller-options.ts';
import { CommandError } from './io.ts';
import { createGateway } from './waypoint/gateway.ts';
import { createSilentProgram } from '../test/support/command-line.ts';

const program = createSilentProgram();

function everyOption(command: Command, path = ''): readonly (readonly [string, Option])[] {
  const name = `${path} ${command.name()}`.trim();
  return [
    ...command.options.map((option) => [`${name} ${option.long ?? ''}`, option] as const),
    ...command.commands.flatMap((inner) => everyOption(inner, name)),
  ];
}

const options = everyOption(program);

/** Milliseconds that an option makes of a text. */
function read(name: string, option: Option, text: string): unknown {
  if (!name.startsWith('cairn controller ')) return option.parseArg?.(text, undefined);
  const { lease } = readControllerSettings({ [option.attributeName()]: text }).settings;
  const fields: Readonly<Record<string, number>> = {
    leaseDuration: lease.durationMs,
    renewDeadline: lease.renewMs,
    retryPeriod: lease.retryMs,
  };
  return fields[option.attributeName()];
}

it.each(options.filter(([, { flags }]) => flags.includes('<duration>')))(
  '%s takes what its help says',
  (name, option) => {
    const [, from = '', to = ''] = /, (\w+) to (\w+)/.exec(option.description) ?? [];
    expect([from, to], 'bounds').not.toContain('');
    for (const text of [from, to, '2s', '1500ms', '0.5h', '1m30s', option.defaultValueDescription ?? from])
      expect(read(name, option, text), text).toBeTypeOf('number');
    if (to.endsWith('d')) expect(read(name, option, '1d12h')).toBe(129_600_000);
    const above = to.replace(/\d+/, (count) => String(Number(count) + 1));
    for (const text of [above, '90', 'soon', '-1s', '1 s', '1h 2'])
      expect(() => read(name, option, text), text).toThrow(CommandError);
  },
);

it('there are durations', () => {
  const found = options.filter(([, { flags }]) => flags.includes('<duration>')).map(([name]) => name);
  expect(found).toEqual(
    expect.arrayContaining([
      'cairn run --jwks-refresh',
      'cairn waypoint apply --waypoint-timeout',
      'cairn install --timeout',
    ]),
  );
});

it('the help of an installation names every value that a setting can have', () => {
  for (const name of settingNames) {
    const values: unknown = settingSchemas[name]['enum'];
    const option = options.find(
      ([path, found]) => path.startsWith('cairn install ') && found.attributeName() === name,
    )?.[1];
    if (!Array.isArray(values)) continue;
    for (const value of values as readonly string[]) {
      expect(option?.description, `${name} ${value}`).toMatch(new RegExp(`\\b${value}\\b`));
      expect(checkInstallSettings({ ...defaultInstallSettings, [name]: value })).toEqual([]);
    }
  }
});

it('every type of traffic in the help of a waypoint is one', () => {
  const [, option] = options.find(([name]) => name === 'cairn waypoint apply --for') ?? [];
  for (const word of ['service', 'workload', 'all', 'none']) {
    expect(option?.description).toContain(word);
    expect(createGateway({ for: word, gatewayClass: 'x' }, 'a').metadata.labels).toEqual({
      'istio.io/waypoint-for': word,
    });
  }
});

it.each([
  ['cairn controller --ca', ['cairn', 'istiod']],
  ['cairn controller --private-jwks', ['deny', 'allow']],
  ['cairn controller --log-level', ['debug', 'info', 'warn', 'error']],
] as const)('%s takes each of the values in its help', (name, values) => {
  const [, option] = options.find(([path]) => path === name) ?? [];
  for (const value of values) {
    expect(`${option?.flags} ${option?.description}`).toContain(value);
    readControllerSettings({ [option?.attributeName() ?? '']: value });
  }
});

it('defaults in the help are those that are used', () => {
  for (const [name, option] of options.filter(([path]) => path.startsWith('cairn controller '))) {
    const otherwise: unknown = option.defaultValue;
    if (typeof otherwise !== 'string') continue;
    const { identity: _drawn, ...settings } = readControllerSettings({}).settings;
    const { identity: _again, ...same } = readControllerSettings({ [option.attributeName()]: otherwise }).settings;
    expect(same, name).toEqual(settings);
  }
});
