package gitlabjson

import "time"

// parseTime returns the moment that text stands for. exact says that the
// canonical text of that moment is this very text; ok is false if text is no
// time of the years 1 to 9999.
func parseTime(text []byte) (seconds int64, nanos int32, exact, ok bool) {
	if seconds, nanos, ok := canonicalTime(text); ok {
		return seconds, nanos, true, true
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		return 0, 0, false, false
	}
	return t.Unix(), int32(t.Nanosecond()), false, true
}

// canonicalTime reads the form 2015-12-24T15:51:21.802Z.
func canonicalTime(b []byte) (seconds int64, nanos int32, ok bool) {
	if len(b) != 24 || b[4] != '-' || b[7] != '-' || b[10] != 'T' ||
		b[13] != ':' || b[16] != ':' || b[19] != '.' || b[23] != 'Z' {
		return 0, 0, false
	}
	bad := byte(0)
	two := func(i int) int64 {
		hi, lo := b[i]-'0', b[i+1]-'0'
		if hi > 9 || lo > 9 {
			bad = 1
		}
		return int64(hi)*10 + int64(lo)
	}
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	millis := two(20)*10 + int64(b[22]-'0')
	if bad != 0 || b[22]-'0' > 9 || year < 1 || month < 1 || month > 12 ||
		hour > 23 || minute > 59 || second > 59 || day < 1 || day > daysIn(year, month) {
		return 0, 0, false
	}
	seconds = daysSinceEpoch(year, month, day)*86400 + hour*3600 + minute*60 + second
	return seconds, int32(millis) * 1e6, true
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSinceEpoch counts from 1970-01-01 in the proleptic Gregorian calendar. Its
// year begins in March, so that the leap day is the last one.
func daysSinceEpoch(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 719469
}
