// Package sim is a whole virtual world behind the engine's ports: name servers,
// resolvers that cache, clients that send steady load, a cluster whose releases
// behave well or badly, counters, and a clock that only sleeping moves. A month
// passes in seconds, and the same seed gives the same month.
//
// It must not decide anything: what the engine does in it is the engine's.
package sim
