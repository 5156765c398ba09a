import { preact } from '@preact/preset-vite';
import { defineConfig } from 'vite';

// The collector serves web/dist as it is, under a content security policy without inline scripts or styles: nothing may
// be inlined, and the files that carry a hash in their name are all under /assets, where they may be cached for good.
export default defineConfig({
  root: import.meta.dirname,
  plugins: [preact()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The first versions with `light-dark()`; an older target would rewrite it.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    sourcemap: false,
  },
  server: {
    proxy: { '/v1': 'http://127.0.0.1:7655', '/api': 'http://127.0.0.1:7655' },
  },
});
