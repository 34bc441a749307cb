package gitlabjson

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// listOf returns the wire form of a list of entities, which are its field 1.
func listOf(entities [][]byte) []byte {
	var wire []byte
	for _, e := range entities {
		wire = protowire.AppendBytes(protowire.AppendTag(wire, 1, protowire.BytesType), e)
	}
	return wire
}

func TestWritingTakesNoAllocation(t *testing.T) {
	for _, p := range pages {
		wire, text := p.list(t)
		jobs := p.jobs(t)
		dst := make([]byte, 0, len(text))
		list := testing.AllocsPerRun(20, func() { _, _ = jobTable.AppendJSONList(dst, wire, 1) })
		single := testing.AllocsPerRun(20, func() { _, _ = jobTable.AppendJSON(dst, jobs[0]) })
		if list != 0 || single != 0 {
			t.Errorf("%s: %v allocations per page, %v per job", p.name, list, single)
		}
	}
}

// takeApart returns the fields of a message.
func takeApart(t testing.TB, wire []byte) [][]byte {
	t.Helper()
	var fields [][]byte
	for len(wire) > 0 {
		_, _, n := protowire.ConsumeField(wire)
		if n < 0 {
			t.Fatal("no wire form")
		}
		fields = append(fields, wire[:n])
		wire = wire[n:]
	}
	return fields
}

// shuffled returns the wire form of the same message with its fields in another order;
// those of one number stay in theirs.
func shuffled(t testing.TB, r *rand.Rand, wire []byte) []byte {
	t.Helper()
	fields := takeApart(t, wire)
	order := map[protowire.Number][][]byte{}
	for _, f := range fields {
		number, _, _ := protowire.ConsumeTag(f)
		order[number] = append(order[number], f)
	}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	var out []byte
	for _, f := range fields {
		number, _, _ := protowire.ConsumeTag(f)
		out = append(out, order[number][0]...)
		order[number] = order[number][1:]
	}
	return out
}

// A sender may write fields in any order, and the elements of a list apart.
func TestOrderOfFieldsDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for name, s := range samples(t) {
		table := TableOf(s.message)
		for range 20 {
			text := s.json
			for _, mutate := range []string{"missing member", "other zone", "unknown member", "null"} {
				if r.IntN(2) == 0 {
					text = mutations[mutate](r, text)
				}
			}
			wire, err := table.AppendWire(nil, text)
			if err != nil {
				continue // a brace in a text was taken for an object
			}
			want, _ := table.AppendJSON(nil, wire)
			got, err := table.AppendJSON(nil, shuffled(t, r, wire))
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %v\n%s\nin order:\n%s", name, err, got, want)
			}
		}
	}
}

// A list is byte for byte what its entities are one by one, whatever they have in
// common, in which order their fields come, and how much room there is.
func TestWrittenListEqualsItsElements(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var jobs [][]byte
	for _, s := range samples(t) {
		if _, ok := s.message.(*jobgatev1.Job); ok {
			wire, err := jobTable.AppendWire(nil, s.json)
			if err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, wire, shuffled(t, r, wire))
		}
	}
	for range 1000 {
		var list [][]byte
		want := []byte("kept[")
		for i := range 1 + r.IntN(6) {
			job := changed(t, r, jobs)
			if i > 0 {
				want = append(want, ',')
			}
			var err error
			if want, err = jobTable.AppendJSON(want, job); err != nil {
				t.Fatal(err)
			}
			list = append(list, job)
		}
		want = append(want, ']')
		room := []int{4, 100, len(want) - 1, len(want), len(want) + 20, len(want) + 100}[r.IntN(6)]
		got, err := jobTable.AppendJSONList(append(make([]byte, 0, room), "kept"...), listOf(list), 1)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v: %d bytes of room\n%s\none by one:\n%s", err, room, got, want)
		}
	}
}

// changed returns one of the jobs, with parts left out or taken from others.
func changed(t testing.TB, r *rand.Rand, jobs [][]byte) []byte {
	t.Helper()
	fields := takeApart(t, jobs[r.IntN(len(jobs))])
	for range r.IntN(3) {
		others := takeApart(t, jobs[r.IntN(len(jobs))])
		at := r.IntN(len(fields))
		switch other := others[r.IntN(len(others))]; r.IntN(3) {
		case 0:
			fields = slices.Delete(fields, at, at+1)
		case 1:
			fields = slices.Insert(fields, at, other)
		case 2:
			fields[at] = other
		}
	}
	return bytes.Join(fields, nil)
}

// What was written for an entity that then turned out not to be plain is not copied
// later on.
func TestTakenBackPartIsNotCopied(t *testing.T) {
	user := func(name string) *jobgatev1.Job { return &jobgatev1.Job{User: &jobgatev1.User{Name: name}} }
	ada, bob := user("Ada"), user("Bob")
	odd := append(wireOf(t, ada), wireOf(t, bob)...) // of two users the last counts
	got, err := jobTable.AppendJSONList(nil, listOf([][]byte{odd, wireOf(t, ada)}), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte("[")
	want, _ = jobTable.AppendJSON(want, odd)
	want, _ = jobTable.AppendJSON(append(want, ','), wireOf(t, ada))
	if want = append(want, ']'); !bytes.Equal(got, want) {
		t.Errorf("%s\none by one:\n%s", got, want)
	}
}

// The result does not depend on how much room dst has.
func TestRoomDoesNotMatter(t *testing.T) {
	for name, s := range samples(t) {
		table := TableOf(s.message)
		wire, err := table.AppendWire(nil, s.json)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := table.AppendJSON([]byte("kept"), wire)
		for room := 4; room < len(want)+50; room += 1 + room/20 {
			got, err := table.AppendJSON(append(make([]byte, 0, room), "kept"...), wire)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %d bytes of room: %v\n%s\nwant %s", name, room, err, got, want)
			}
		}
	}
}

// Wire forms that only other senders have.
func TestOtherSendersWire(t *testing.T) {
	field := func(number protowire.Number, text string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), text)
	}
	extra := func(name, text string) []byte {
		return field(extraField, string(field(1, name))+string(field(2, text)))
	}
	id := func(n uint64) []byte { return protowire.AppendVarint([]byte{1 << 3}, n) }
	absent := func(n uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, absentField, protowire.VarintType), n)
	}
	packed := field(absentField, "\x01\x02\x03\x04\x05\x06\x07\x08\x80\x01")
	cases := map[string]struct {
		fields [][]byte
		want   string // the project's JSON, "" if it is refused
	}{
		"nothing":                           {nil, `{"id":0,"username":"","roles_in_project":[]}`},
		"last of several":                   {[][]byte{id(1), field(2, "a"), id(2), field(2, "b")}, `{"id":2,"username":"b","roles_in_project":[]}`},
		"elements apart":                    {[][]byte{field(3, "a"), id(1), field(3, "b"), field(3, "c")}, `{"id":1,"username":"","roles_in_project":["a","b","c"]}`},
		"fields that the contract lacks":    {[][]byte{id(1), field(99, "a"), field(4, "b"), field(2, "u"), {70<<3&0x7f | 0x80 | 5, 4, 1, 2, 3, 4}}, `{"id":1,"username":"u","roles_in_project":[]}`},
		"tag and length of needless length": {[][]byte{{0x88, 0x80, 0, 0x87, 0x80, 0}, {0x92, 0, 0x81, 0, 'u'}, {0x9a, 0, 1, 'r'}, {0x1a, 1, 's'}}, `{"id":7,"username":"u","roles_in_project":["r","s"]}`},
		"absent, packed and not":            {[][]byte{packed, absent(1), id(5)}, `{}`},
		"absent, in two parts":              {[][]byte{absent(3), absent(1), absent(200)}, `{"username":""}`},
		"residue before the field":          {[][]byte{extra("id", `"x"`), id(1)}, `{"id":"x","username":"","roles_in_project":[]}`},
		"residue of an absent field":        {[][]byte{absent(1), extra("id", `"x"`)}, `{"id":"x","username":"","roles_in_project":[]}`},
		"residue twice":                     {[][]byte{extra("id", "1"), extra("n", "2"), extra("m", "3"), extra("n", "4"), extra("id", "5"), extra(`"q"`, "6")}, `{"id":5,"username":"","roles_in_project":[],"n":4,"m":3,"q":6}`},
		"residue hides a fault":             {[][]byte{extra("roles_in_project", "null"), field(3, "\xff")}, `{"id":0,"username":"","roles_in_project":null}`},
		"another type":                      {[][]byte{field(1, "a")}, ""},
		"another type than text":            {[][]byte{{3 << 3, 1}}, ""},
		"number 0":                          {[][]byte{{0, 1}}, ""},
		"cut short":                         {[][]byte{{0x8a}}, ""},
		"length beyond the end":             {[][]byte{{2<<3 | 2, 5, 'a'}}, ""},
		"endless number":                    {[][]byte{append([]byte{1 << 3}, bytes.Repeat([]byte{0xff}, 11)...)}, ""},
		"bad entry of extra":                {[][]byte{field(extraField, "\x0a\x05a")}, ""},
		"bad absent":                        {[][]byte{field(absentField, "\x80")}, ""},
	}
	table := TableOf((*jobgatev1.AllowedAgentsUser)(nil))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := table.AppendJSON(nil, bytes.Join(c.fields, nil))
			if string(got) != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestOtherSendersList(t *testing.T) {
	cases := map[string]struct{ wire, want string }{
		"nothing":               {"", `[]`},
		"other fields":          {"\x12\x01x\x0a\x00\x18\x05\x0a\x02\x08\x07\x25\x00\x00\x00\x00", `[{"id":0},{"id":7}]`},
		"a number":              {"\x0a\x00\x08\x01", ""},
		"number 0":              {"\x00\x01", ""},
		"length beyond the end": {"\x0a\x00\x0a\x02\x08", ""},
		"end of no group":       {"\x1c", ""},
		"bad element":           {"\x0a\x00\x0a\x01\x08\x0a\x00", ""},
	}
	table := TableOf((*jobgatev1.AllowedAgentsJob)(nil))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := table.AppendJSONList([]byte("kept"), []byte(c.wire), 1)
			if string(got) != "kept"+c.want || (err == nil) != (c.want != "") {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		})
	}
}
