# Both images from a checkout: `docker build --target controller .` and `docker build --target waypoint .`
# For builds that give the same image everywhere, set NODE_IMAGE and ENVOY_IMAGE to a name with its digest (…@sha256:…).
# Without a container engine, `node tools/images.mjs DIR` writes the same images as archives.
ARG NODE_IMAGE=node:24.22-bookworm-slim
ARG ENVOY_IMAGE=envoyproxy/envoy:distroless-v1.40.0

FROM ${ENVOY_IMAGE} AS envoy

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run --silent build && node tools/images.mjs / --app

FROM ${NODE_IMAGE} AS runtime
WORKDIR /app
ENV NODE_ENV=production MALLOC_ARENA_MAX=1
COPY --from=build /app /app
USER 1337:1337

FROM runtime AS waypoint
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
ENTRYPOINT ["node", "--max-semi-space-size=1", "--optimize-for-size", "/app/dist/agent/main.js"]

FROM runtime AS controller
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
