import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Medium } from 'holdfast';
import { tcp, unix } from 'holdfast';
import { openssh } from 'holdfast/openssh';
import { pipe } from 'holdfast/pipe';
import { ssh } from 'holdfast/ssh';
import { tls } from 'holdfast/tls';
import { opensshHost, type Place } from '../place.ts';

/** Servers: one that stays, and one that is killed, drained and handed over again and again. */
export const serverNames = ['steady', 'restless'] as const;
export type ServerName = (typeof serverNames)[number];

/** Where a server is. */
export interface Addresses {
  readonly tcp: number;
  readonly tls: number;
  readonly unix: string;
}

/** What every process of a run must know; kept in its folder. */
export interface Scene {
  readonly folder: string;
  /** The process that all others belong to. */
  readonly director: number;
  readonly sampleMs: number;
  readonly cert: string;
  readonly key: string;
  /** Where the servers listen. */
  readonly servers: Readonly<Record<ServerName, Addresses>>;
  /** Where clients dial; a proxy may be in between. */
  readonly doors: Readonly<Record<ServerName, Addresses>>;
  readonly places: readonly Place[];
}

export function writeScene(scene: Scene): void {
  writeFileSync(join(scene.folder, 'scene.json'), JSON.stringify(scene), { mode: 0o600 });
}

export function readScene(folder: string): Scene {
  return JSON.parse(readFileSync(join(folder, 'scene.json'), 'utf8')) as Scene;
}

/** One way from a client to a server. `stdio`: a server of its own, by pipe, for each connection. */
export const roads = ['tcp', 'tls', 'unix', 'pipe', 'ssh', 'ssh+unix', 'openssh', 'stdio'] as const;
export type Road = (typeof roads)[number];

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const program = fileURLToPath(new URL('./program.js', import.meta.url));

/** The medium by which a road is gone. */
export function mediumOf(scene: Scene, server: ServerName, road: Road): Medium {
  const door = scene.doors[server];
  const bridge = [command, 'bridge', `unix:${door.unix}`];
  const inShell = [process.execPath, ...bridge].map((word) => `'${word}'`).join(' ');
  switch (road) {
    case 'tcp':
      return tcp({ port: door.tcp });
    case 'tls':
      return tls({ port: door.tls, ca: scene.cert });
    case 'unix':
      return unix({ path: door.unix });
    case 'pipe':
      return pipe({ command: process.execPath, args: bridge });
    case 'stdio':
      return pipe({ command: process.execPath, args: [program, scene.folder] });
    case 'openssh':
      return openssh({
        host: opensshHost,
        configFile: placeOf(scene, 'openssh').configFile,
        command: inShell,
      });
    case 'ssh':
      return ssh({ ...sshOf(scene), command: inShell });
    case 'ssh+unix':
      return ssh({ ...sshOf(scene), forwardTo: { path: door.unix } });
  }
}

function sshOf(scene: Scene) {
  const { port, user, privateKey, knownHosts } = placeOf(scene, 'ssh');
  return { host: '127.0.0.1', port, user, privateKey, knownHosts };
}

function placeOf<M extends Place['medium']>(scene: Scene, medium: M): Place & { medium: M } {
  const place = scene.places.find((one) => one.medium === medium);
  if (place === undefined) throw new Error(`There is no ${medium}`);
  return place as Place & { medium: M };
}
