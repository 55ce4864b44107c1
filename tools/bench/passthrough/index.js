// The base that `cargo xtask bench` holds the gateway against: a Worker that passes a request on and its answer back,
// and touches neither. `tools/serve.mjs --bundle tools/bench/passthrough` serves it as it serves the gateway.

export default {
  fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    return fetch(env.UPSTREAM + pathname + search, request);
  },
};
