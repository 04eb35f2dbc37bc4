import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import * as settings from "../../../src/shared/settings/index.ts";
import { showSetting, type Setting, type SettingKind } from "../../../src/shared/base/config/setting.ts";

const { ALL_SETTINGS, SESSIONS_PORT: _port, USUAL_PORT: _ports, brokerAccess: _access, ...tables } = settings;
const PAGE = resolve(import.meta.dirname, "../../../docs/configuration.md");
const BLOCK = /(<!-- (\w+) -->\n)[\s\S]*?(<!-- end -->)/g;

test("the tables of docs/configuration.md are those of the settings", async () => {
  const page = readFileSync(PAGE, "utf8");
  const named: Record<string, Record<string, Setting>> = { ...tables };
  const written = page.replaceAll(BLOCK, (block, start: string, name: string, end: string) => {
    const table = named[name];
    return table === undefined ? block : `${start}${render(table)}${end}`;
  });
  await expect(written).toMatchFileSnapshot(PAGE);
});

test("every table has its place on the page", () => {
  const page = readFileSync(PAGE, "utf8");
  const shown = [...page.matchAll(BLOCK)].map(([, , name]) => name ?? "");
  expect(shown.toSorted()).toEqual(Object.keys(tables).toSorted());
  expect(ALL_SETTINGS).toHaveLength(shown.length);
  for (const table of ALL_SETTINGS) {
    for (const { env } of Object.values(table)) expect(page).toContain(`| \`${env}\``);
  }
});

function render(table: Record<string, Setting>): string {
  const rows = Object.values(table).map((setting) => {
    const names = [setting.env, ...(setting.aliases ?? [])].map((name) => `\`${name}\``).join(", ");
    const flag = setting.flag === undefined ? "" : `\`--${setting.flag}\``;
    const help = `${setting.secret ? "**secret** · " : ""}${setting.help}`.replaceAll("|", "\\|");
    return `| ${names} | ${flag} | ${kindOf(setting.kind)} | ${fallbackOf(setting)} | ${help} |\n`;
  });
  return `| variable | flag | value | default | |\n|---|---|---|---|---|\n${rows.join("")}`;
}

function kindOf(kind: SettingKind): string {
  switch (kind.type) {
    case "choice":
      return kind.of.map((word) => `\`${word}\``).join(", ");
    case "flag":
      return "`true`, `false`";
    case "integer":
      return `${kind.min}–${kind.max}`;
    case "duration":
      return `${showSetting(kind, kind.minMs)}–${showSetting(kind, kind.maxMs)}`;
    case "bytes":
      return `${showSetting(kind, kind.min)}–${showSetting(kind, kind.max)}`;
    case "text":
    case "url":
    case "host":
    case "path":
      return kind.type;
    case "paths":
    case "urls":
      return kind.type;
    case "servers":
      return "urls";
  }
}

function fallbackOf({ env, kind, fallback }: Setting): string {
  if (fallback === undefined) return "";
  if (env === tables.GATEWAY_SETTINGS.hostname.env) return "this machine's name";
  return `\`${showSetting(kind, fallback)}\``;
}
