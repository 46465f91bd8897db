# Both images from a checkout: `docker build --target controller .` and `docker build --target waypoint .`
# For builds that give the same image everywhere, set NODE_IMAGE and ENVOY_IMAGE to a name with its digest (…@sha256:…).
# Without a container engine, `node tools/images.mjs DIR` writes the same images as archives.
ARG NODE_IMAGE=node:24.22-bookworm-slim
ARG ENVOY_IMAGE=envoyproxy/envoy:distroless-v1.40.0

FROM ${ENVOY_IMAGE} AS envoy

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run --silent generate && npx tsc -p tsconfig.build.json && rm -f dist/.tsbuildinfo

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force \
  && find node_modules \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.md' \) -delete

FROM ${NODE_IMAGE} AS runtime
WORKDIR /app
ENV NODE_ENV=production MALLOC_ARENA_MAX=1
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/package.json package.json
COPY --from=build /app/dist dist
USER 1337:1337

FROM runtime AS waypoint
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
ENTRYPOINT ["node", "--max-semi-space-size=1", "--optimize-for-size", "/app/dist/agent/main.js"]

FROM runtime AS controller
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
