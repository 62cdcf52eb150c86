// The package's declarations for `import` are in error ("export =" in an ES module); those for
// `require` are the same and sound.

/** The package lmdb. */
export type Lmdb = typeof import('lmdb', { with: { 'resolution-mode': 'require' }});

/** What a table's keys may be. */
export type Key = import('lmdb', { with: { 'resolution-mode': 'require' }}).Key;

/** An LMDB file. */
export type RootDatabase = import('lmdb', { with: { 'resolution-mode': 'require' }}).RootDatabase;

/** A table in an LMDB file. */
export type Database<Value, K extends Key> = import('lmdb', { with: {
  'resolution-mode': 'require',
}}).Database<Value, K>;
