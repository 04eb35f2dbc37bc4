# One image for gateway, relay, console, the sessions server, the worker and the operators' commands; the broker has its own (docker-compose.yml). No nats-server in here, so `up`
# is not for containers.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install scripts: the only one that is needed elsewhere brings Node 24, which is here already.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.mjs scripts/bundle-processes.mjs ./scripts/
COPY src ./src
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts
RUN mkdir data worker

FROM node:24-slim
ENV NODE_ENV=production PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# A gateway keeps its runs here, in a volume.
COPY --from=build --chown=node:node /app/data ./data
# A worker keeps its workspaces here, in another.
COPY --from=build --chown=node:node /app/worker ./worker
COPY deploy/container/runner-relay.sh ./bin/runner-relay
USER node
ENTRYPOINT ["runner-relay"]
CMD ["--help"]
