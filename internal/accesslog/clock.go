package accesslog

import (
	"strings"
	"time"
)

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// clf reads 10/Oct/2000:13:55:36 -0700, with milliseconds behind the seconds or
// without, and without a zone where the log has none. It is by hand, since
// time.Parse takes longer than all the rest of a line.
func clf(s string, zone *time.Location) (time.Time, bool) {
	if len(s) < 20 || s[2] != '/' || s[6] != '/' || s[11] != ':' || s[14] != ':' || s[17] != ':' {
		return time.Time{}, false
	}
	month := strings.Index(months, s[3:6])
	day, a := digits(s[:2])
	year, b := digits(s[7:11])
	hour, c := digits(s[12:14])
	minute, d := digits(s[15:17])
	second, e := digits(s[18:20])
	if month < 0 || month%3 != 0 || !a || !b || !c || !d || !e {
		return time.Time{}, false
	}
	s = s[20:]
	var nanos int64
	if len(s) >= 4 && s[0] == '.' {
		ms, ok := digits(s[1:4])
		if !ok {
			return time.Time{}, false
		}
		nanos, s = ms*int64(time.Millisecond), s[4:]
	}
	if zone == nil {
		zone = time.UTC
	}
	var offset int64
	if s != "" {
		hours, minutes := int64(0), int64(0)
		var f, g bool
		if len(s) == 6 && s[0] == ' ' && (s[1] == '+' || s[1] == '-') {
			hours, f = digits(s[2:4])
			minutes, g = digits(s[4:6])
		}
		if !f || !g || hours > 14 || minutes > 59 {
			return time.Time{}, false
		}
		offset, zone = hours*3600+minutes*60, time.UTC
		if s[1] == '-' {
			offset = -offset
		}
	}
	if day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	at := time.Date(int(year), time.Month(month/3+1), int(day), int(hour), int(minute), int(second)-int(offset), int(nanos), zone)
	return at.UTC(), true
}
