import { expect, test } from "vitest";
import { readProxies } from "../../../../src/sessions/access/trusted-proxies.ts";

test("addresses, networks and the framework's names", () => {
  const proxies = ["10.0.0.0/8", "192.168.1.1", "::1", "fd00::/8", "loopback"];
  expect(readProxies(proxies.join(", "))).toEqual({ ok: true, proxies });
  expect(readProxies("")).toEqual({ ok: true, proxies: [] });
  for (const wrong of ["*", "true", "1", "nginx", "10.0.0.0/33", "::1/129", "10.0.0.0/8/8", "10.0.0/8"])
    expect(readProxies(`::1,${wrong}`)).toEqual({ ok: false, wrong });
});
