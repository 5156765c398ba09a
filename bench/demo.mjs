import './guard.mjs';
await import('./demo.ts');
