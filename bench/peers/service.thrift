// What contenders/thrift.ts speaks, for which `thrift --gen js:node,es6 service.thrift` makes the code.
struct Item {
  1: i32 id, 2: string customer, 3: string email, 4: string state, 5: i32 cents, 6: double weight,
  7: bool isGift, 8: list<string> tags
}
struct Page { 1: string kind, 2: i32 page, 3: i32 total, 4: list<Item> items }
service Bench {
  string small(1: string argument)
  binary bytes(1: string argument)
  binary both(1: binary argument)
  Page object(1: string argument)
}
