import type { FastifyInstance, RouteOptions } from "fastify";

/** Which methods a path has. */
export type Methods = { of(path: string): string[] };

/** Remembers the methods of every route that is added from now on. */
export function followMethods(app: FastifyInstance): Methods {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook("onRoute", ({ url, method }: RouteOptions) => {
    const known = routes.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    routes.set(url, known);
    for (const name of [method].flat()) known.methods.add(name);
  });
  return {
    of(path) {
      const found = [...routes.values()].filter(({ pattern }) => pattern.test(path));
      return [...new Set(found.flatMap(({ methods }) => [...methods]))].toSorted();
    },
  };
}

/** The paths that a route's URL stands for. Pure. */
export function patternOf(url: string): RegExp {
  const segments = url
    .split("/")
    .map((part) =>
      part.startsWith(":") ? "[^/]+" : part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`),
    );
  return new RegExp(`^${segments.join("/")}$`);
}
