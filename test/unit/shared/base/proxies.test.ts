import { expect, test } from "vitest";
import { pastProxies, proxyVariableFor } from "../../../../src/shared/base/proxies.ts";

test.each([
  [{}, "h", "h"],
  [{ NO_PROXY: ".corp.example, x" }, ".corp.example,x,h", ".corp.example,x,h"],
  [{ no_proxy: ".corp.example" }, ".corp.example,h", ".corp.example,h"],
  [{ NO_PROXY: "a", no_proxy: "b" }, "a,h", "b,h"],
  [{ NO_PROXY: "a", no_proxy: "" }, "a,h", "h"],
  [{ NO_PROXY: "h,a" }, "h,a", "h,a"],
  [{ NO_PROXY: "*" }, "*", "*"],
  [{ NO_PROXY: "a *" }, "a *", "a *"],
])("a host is added to %j", (env, upper, lower) => {
  expect(pastProxies(env, ["h"])).toEqual({ NO_PROXY: upper, no_proxy: lower });
  expect(pastProxies(pastProxies(env, ["h"]), ["h"])).toEqual({ NO_PROXY: upper, no_proxy: lower });
});

const proxies = { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "http://p:1" };

test.each([
  ["http://c.example", proxies, "HTTP_PROXY"],
  ["https://c.example", proxies, "HTTP_PROXY"],
  ["https://c.example", { ...proxies, HTTPS_PROXY: "http://q:1" }, "HTTPS_PROXY"],
  ["https://c.example", { ...proxies, https_proxy: "http://q:1" }, "https_proxy"],
  ["http://c.example", { NODE_USE_ENV_PROXY: "1", HTTPS_PROXY: "http://q:1" }, undefined],
  ["http://c.example", { HTTP_PROXY: "http://p:1" }, undefined],
  ["http://c.example", { HTTP_PROXY: "http://p:1", NODE_OPTIONS: "--use-env-proxy" }, "HTTP_PROXY"],
  ["http://c.example", { ...proxies, NODE_USE_ENV_PROXY: "0" }, undefined],
  ["http://c.example", { ...proxies, HTTP_PROXY: "" }, undefined],
  ["http://c.example", { ...proxies, NO_PROXY: "c.example" }, undefined],
  ["http://c.example", { ...proxies, NO_PROXY: "c.example", no_proxy: "d.example" }, "HTTP_PROXY"],
  ["http://c.example", { ...proxies, NO_PROXY: "a, *.EXAMPLE" }, undefined],
  ["http://c.example", { ...proxies, NO_PROXY: ".example" }, undefined],
  ["http://c.example", { ...proxies, NO_PROXY: "example" }, "HTTP_PROXY"],
  ["http://c.example", { ...proxies, NO_PROXY: "*" }, undefined],
  ["http://c.example:8080", { ...proxies, NO_PROXY: "c.example:8080" }, undefined],
  ["http://c.example", { ...proxies, NO_PROXY: "c.example:8080" }, "HTTP_PROXY"],
  ["https://c.example", { ...proxies, NO_PROXY: "c.example:443" }, undefined],
  ["http://127.0.0.1:1", proxies, undefined],
  ["http://[::1]:1", proxies, undefined],
])("which variable's proxy is used for %s with %j", (url, env, name) =>
  expect(proxyVariableFor(new URL(url), env)).toBe(name),
);
