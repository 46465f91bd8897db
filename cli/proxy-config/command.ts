// `cairn proxy-status` and `cairn proxy-config`: names, options and help, which are istioctl's
// where it has them.

import { Command, Option } from 'commander';
import { addClusterOptions } from '../cluster-options.ts';
import type { ExitCode, Io } from '../io.ts';
import { exitAsIstioctl, runAsIstioctl } from '../istioctl.ts';
import type { ProxyStatusOptions } from '../proxy-status.ts';
import type { ProxyConfigOptions, Section } from './run.ts';

/** Adds `proxy-status`, and `proxy-config` with its sections. */
export function addProxyCommands(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const status = program
    .command('proxy-status')
    .alias('ps')
    .summary('show which proxies are connected and in sync')
    .description(
      "Shows the proxies of every replica of the control plane, what they took, and Envoy's words about what they refused.",
    )
    .argument('[pod]', 'this proxy only: name[.namespace]')
    .option('--control-plane-namespace <namespace>', 'where the control plane runs', 'cairn-system')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['table', 'yaml', 'json']).default('table'))
    .action(async (pod: string | undefined, options: ProxyStatusOptions) => {
      const { runProxyStatus } = await import('../proxy-status.ts');
      done(await runAsIstioctl(runProxyStatus(pod, options, io)));
    });
  exitAsIstioctl(addClusterOptions(status));
  addProxyConfig(program, io, done);
}

function addProxyConfig(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const parent = program
    .command('proxy-config')
    .alias('pc')
    .summary('show what an Envoy holds')
    .description('Shows what an Envoy holds: of a pod, of an admin address, or of a saved dump.')
    .usage('<section> [pod] [options]');
  exitAsIstioctl(parent);
  const add = (
    section: Section,
    aliases: readonly string[],
    summary: string,
    filters: readonly Option[] = [],
  ): void => {
    const command = new Command(section).aliases(aliases).summary(summary);
    command.copyInheritedSettings(parent);
    parent.addCommand(command);
    command
      .description(`${summary[0]?.toUpperCase() ?? ''}${summary.slice(1)}. A pod is named [type/]name[.namespace].`)
      .argument('[pod]', 'a pod, or one of a deployment/, service/ or gateway/');
    for (const filter of filters) command.addOption(filter);
    addClusterOptions(command)
      .option('-f, --file <path>', 'a saved dump; - is the standard input')
      .option('--admin-address <address>', 'an Envoy that is reached without a cluster: host:port or unix:/path')
      .option('--proxy-admin-port <port>', "Envoy's admin port in the pod", '15000')
      .addOption(
        new Option('-o, --output <format>', 'output format')
          .choices(['short', 'yaml', 'json'])
          .default(section === 'bootstrap' ? 'json' : 'short'),
      )
      .action(async (target: string | undefined, options: ProxyConfigOptions) => {
        const { runProxyConfig } = await import('./run.ts');
        done(await runAsIstioctl(runProxyConfig(section, target, options, io)));
      });
  };
  const address = new Option('--address <address>', 'of this address');
  const port = new Option('--port <port>', 'of this port');
  const name = new Option('--name <name>', 'of this name');
  const fqdn = new Option('--fqdn <host>', 'of this host');
  const subset = new Option('--subset <name>', 'of this subset');
  const direction = new Option('--direction <direction>', 'of this direction, such as inbound-vip');
  const listenerFilters = [
    address,
    port,
    new Option('--type <type>', 'of this type: HTTP or TCP'),
    new Option('--waypoint', 'by chain, as a waypoint is made'),
    new Option('--no-verbose', 'one line for each listener'),
  ];
  const endpointFilters = [
    address,
    port,
    new Option('--cluster <name>', 'of this cluster'),
    new Option('--status <status>', 'of this health'),
  ];
  add('bootstrap', ['b'], 'show the bootstrap');
  add('cluster', ['clusters', 'c'], 'show the clusters', [fqdn, port, subset, direction]);
  add('listener', ['listeners', 'l'], 'show the listeners', listenerFilters);
  add('scope', ['scopes', 'sc'], 'show which addresses lead to which routes, and what is loaded', [name]);
  add('route', ['routes', 'r'], 'show the routes', [name]);
  add('endpoint', ['endpoints', 'ep'], 'show the endpoints', endpointFilters);
  add('ecds', ['ec'], 'show the filters that came by name');
  add('secret', ['secrets', 's'], 'show the certificates');
  add('all', ['a'], 'show everything');
}
