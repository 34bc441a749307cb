// Package gitlabjson translates between GitLab's JSON and the wire form of the
// contract's messages, in both directions and without a value in between.
//
// A [Table] is compiled once per message type from its protobuf descriptor and
// says how each JSON member maps to a field; there is no code per field. Adding
// a field to the .proto is the whole change.
//
// The translation is lossless: for every JSON object that GitLab may send,
// [Table.AppendJSON] of [Table.AppendWire] is the same JSON value, numbers and
// times as they were written, the order of members aside. What a field cannot
// give back goes into the residue: the map `extra` (field 1000) holds the raw
// text of such members, the list `absent` (field 1001) names fields whose
// members are always there today and were missing.
//
// How a member is treated follows from its field:
//
//   - Names are the field names; enum values are GitLab's words with the enum's
//     prefix in upper case.
//   - `optional` scalars and messages may be null: null is the unset field.
//   - Every member is expected to be present but for those in the small table of
//     contract.go (section 8 of the contract).
//   - A time's canonical text is 2015-12-24T15:51:21.802Z, a double's is Ruby's
//     (240.0). Any other text is kept in the residue beside the field's value.
//
// Tables are immutable after they are built and safe for concurrent use.
package gitlabjson
