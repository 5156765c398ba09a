import './guard.mjs';
await import('./run.ts');
