/** How rolldown makes agent/dist; deploy/agent.ts starts it, and changes what comes out. */
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: ['agent/bin/rollcall-agent.mjs', 'agent/src/inventory/child.ts'],
  platform: 'node',
  treeshake: {
    // The parts of ws that nobody uses, such as its client and its server, only lie beside those that somebody does.
    moduleSideEffects: [{ test: /[\\/]node_modules[\\/]ws[\\/]/, sideEffects: false }],
  },
  // Nobody may put native code into the agent by laying a package beside it.
  transform: {
    define: { 'process.env.WS_NO_BUFFER_UTIL': '"1"', 'process.env.WS_NO_UTF_8_VALIDATE': '"1"' },
  },
  output: {
    dir: 'agent/dist',
    format: 'esm',
    comments: false,
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name].mjs',
  },
});
