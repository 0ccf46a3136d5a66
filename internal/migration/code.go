package migration

import "slices"

// Code is the stable name of a guard. It is what plans, reports and waivers print.
type Code string

// The runbook's checklist.
const (
	CodeConfigEnv  Code = "CONFIG-ENV"
	CodeLogsStdout Code = "LOGS-STDOUT"
	CodeStateDisk  Code = "STATE-DISK"
	CodeHealth     Code = "HEALTH"
	CodeSIGTERM    Code = "SIGTERM"
	CodeSecrets    Code = "SECRETS"
	CodeData       Code = "DATA"
	CodeResources  Code = "RESOURCES"
	CodeBaseImage  Code = "BASE-IMAGE"
)

// Guards of the DNS change.
const (
	CodeTTLLead     Code = "DNS-TTL-LEAD"
	CodeAllNS       Code = "DNS-ALL-NS"
	CodeForeign     Code = "DNS-FOREIGN"
	CodeReplay      Code = "DNS-REPLAY"
	CodeFamilies    Code = "DNS-FAMILIES"
	CodeSplit       Code = "DNS-SPLIT"
	CodeNegative    Code = "DNS-NEGATIVE"
	CodeType        Code = "DNS-TYPE"
	CodeAtomic      Code = "DNS-ATOMIC"
	CodePrivate     Code = "DNS-PRIVATE"
	CodeFloor       Code = "DNS-FLOOR"
	CodeShared      Code = "DNS-SHARED"
	CodeViews       Code = "DNS-VIEWS"
	CodeExternalDNS Code = "DNS-EXTERNAL-DNS"
	CodeDNSSEC      Code = "DNS-DNSSEC"
	CodeCallerCache Code = "DNS-CALLER-CACHE"
	CodeTTLStretch  Code = "DNS-TTL-STRETCH"
)

// Guards of the traffic.
const (
	CodeLBWarm      Code = "LB-WARM"
	CodeTLSReady    Code = "TLS-READY"
	CodeReturnPath  Code = "RETURN-PATH"
	CodeReturnBan   Code = "RETURN-BAN"
	CodeLoop        Code = "LOOP"
	CodeLongConn    Code = "LONG-CONN"
	CodeOwner       Code = "OWNER"
	CodeDrain       Code = "DRAIN"
	CodeSigtermRace Code = "SIGTERM-RACE"
	CodeClientIP    Code = "CLIENT-IP"
	CodeEgress      Code = "EGRESS"
	CodeProbes      Code = "PROBES"
)

// What stands in the way on the machine itself, beyond the runbook's nine items.
const (
	CodeHardAddress  Code = "HARD-ADDRESS"
	CodePeerAddress  Code = "PEER-ADDRESS"
	CodeHostsFile    Code = "HOSTS-FILE"
	CodeMultiHomed   Code = "MULTI-HOMED"
	CodeListenLocal  Code = "LISTEN-LOCAL"
	CodePrivileged   Code = "PORT-PRIVILEGED"
	CodeRoot         Code = "RUN-AS-ROOT"
	CodeCapabilities Code = "CAPABILITIES"
	CodeNetworkFS    Code = "NETWORK-FS"
	CodeBlockDevice  Code = "BLOCK-DEVICE"
	CodeMulticast    Code = "MULTICAST"
	CodeLicence      Code = "LICENCE-HOST"
	CodeKernel       Code = "KERNEL-SETTINGS"
	CodeLocalMail    Code = "LOCAL-MAIL"
	CodeSharedMemory Code = "SHARED-MEMORY"
	CodeSticky       Code = "STICKY"
	CodeSharedVM     Code = "SHARED-VM"
)

// Guards of the state.
const (
	CodeSplitWrites Code = "SPLIT-WRITES"
	CodeDataMove    Code = "DATA-MOVE"
	CodeIsolated    Code = "STAGE-ISOLATED"
	CodeSideEffects Code = "SIDE-EFFECTS"
	CodeConfigDrift Code = "CONFIG-DRIFT"
	CodeSessions    Code = "SESSIONS"
	CodeCronTwice   Code = "CRON-TWICE"
	CodeConfigDrop  Code = "CONFIG-DROP"
	CodeConfigRO    Code = "CONFIG-RO"
)

// Guards of the judgement.
const (
	CodeBlind       Code = "BLIND"
	CodeFalseAlarm  Code = "FALSE-ALARM"
	CodeTooFew      Code = "TOO-FEW"
	CodeFirstScrape Code = "FIRST-SCRAPE"
	CodeBucketEdge  Code = "BUCKET-EDGE"
	CodeVantage     Code = "VANTAGE"
	CodeWarmUp      Code = "WARM-UP"
	CodeSharedFault Code = "SHARED-FAULT"
	CodeOldSide     Code = "OLD-SIDE"
	CodeThrottled   Code = "THROTTLED"
)

// Guards of the people.
const (
	CodeNoRCA       Code = "NO-RCA"
	CodeNoRehearsal Code = "NO-REHEARSAL"
	CodeEarlyRetire Code = "EARLY-RETIRE"
	CodeNight       Code = "NIGHT"
	CodeFreeze      Code = "FREEZE"
	CodeStale       Code = "STALE-EVIDENCE"
	CodeWaiver      Code = "WAIVER"
)

// Codes that are this program's own: the machinery of the procedure, and the
// items of the post-migration checklist that no failure above stands for.
const (
	CodeUnsupported Code = "UNSUPPORTED"
	CodeImageDigest Code = "IMAGE-DIGEST"
	CodeConfigThere Code = "CONFIG-PRESENT"
	CodeNoTraffic   Code = "NO-TRAFFIC-YET"
	CodeRollout     Code = "ROLLOUT"
	// CodeDelivery is that whoever delivers has delivered what is declared.
	CodeDelivery    Code = "DELIVERY"
	CodeSmoke       Code = "SMOKE"
	CodeAddress     Code = "LB-ADDRESS"
	CodeBaseline    Code = "BASELINE"
	CodeWindow      Code = "WINDOW"
	CodeApproval    Code = "APPROVAL"
	CodeVerdict     Code = "VERDICT"
	CodePods        Code = "PODS-RUNNING"
	CodeHealth200   Code = "HEALTH-200"
	CodeErrorRate   Code = "ERROR-RATE"
	CodeLatency     Code = "LATENCY-P99"
	CodeNewErrors   Code = "NEW-ERRORS"
	CodeClaims      Code = "PVC-BOUND"
	CodeSidecar     Code = "MESH-SIDECAR"
	CodeQuota       Code = "QUOTA"
	CodePublicSmoke Code = "SMOKE-PUBLIC"
	// CodeWorkloadKind is that facts do not contradict what a workload is declared as.
	CodeWorkloadKind Code = "WORKLOAD-KIND"
	CodeTicket       Code = "TICKET"
	CodeResidual     Code = "RESIDUAL"
	CodeIntent       Code = "INTENT"
	CodeProcedure    Code = "PROCEDURE"
	CodePerson       Code = "PERSON"
)

// Codes are all codes, in the order of the procedure's documents.
func Codes() []Code {
	return []Code{
		CodeConfigEnv, CodeLogsStdout, CodeStateDisk, CodeHealth, CodeSIGTERM, CodeSecrets, CodeData, CodeResources, CodeBaseImage,
		CodeTTLLead, CodeAllNS, CodeForeign, CodeReplay, CodeFamilies, CodeSplit, CodeNegative, CodeType, CodeAtomic, CodePrivate,
		CodeFloor, CodeShared, CodeViews, CodeExternalDNS, CodeDNSSEC, CodeCallerCache, CodeTTLStretch,
		CodeLBWarm, CodeTLSReady, CodeReturnPath, CodeReturnBan, CodeLoop, CodeLongConn, CodeOwner, CodeDrain, CodeSigtermRace,
		CodeClientIP, CodeEgress, CodeProbes,
		CodeHardAddress, CodePeerAddress, CodeHostsFile, CodeMultiHomed, CodeListenLocal, CodePrivileged, CodeRoot, CodeCapabilities,
		CodeNetworkFS, CodeBlockDevice, CodeMulticast, CodeLicence, CodeKernel, CodeLocalMail, CodeSharedMemory, CodeSticky, CodeSharedVM,
		CodeSplitWrites, CodeDataMove, CodeIsolated, CodeSideEffects, CodeConfigDrift, CodeSessions, CodeCronTwice, CodeConfigDrop, CodeConfigRO,
		CodeBlind, CodeFalseAlarm, CodeTooFew, CodeFirstScrape, CodeBucketEdge, CodeVantage, CodeWarmUp, CodeSharedFault, CodeOldSide, CodeThrottled,
		CodeNoRCA, CodeNoRehearsal, CodeEarlyRetire, CodeNight, CodeFreeze, CodeStale, CodeWaiver,
		CodeUnsupported, CodeImageDigest, CodeConfigThere, CodeNoTraffic, CodeRollout, CodeDelivery, CodeSmoke, CodeAddress, CodeBaseline,
		CodeWindow, CodeApproval, CodeVerdict, CodePods, CodeHealth200, CodeErrorRate, CodeLatency, CodeNewErrors, CodeClaims,
		CodeSidecar, CodeQuota, CodePublicSmoke, CodeWorkloadKind, CodeTicket, CodeResidual, CodeIntent, CodeProcedure, CodePerson,
	}
}

// Waivable says whether a person may let c pass by name. What the procedure
// itself promises cannot be waived: a root cause analysis before the second
// attempt, the hold before retirement, and that nobody else's record is overwritten.
func (c Code) Waivable() bool {
	switch c {
	case CodeNoRCA, CodeEarlyRetire, CodeWaiver, CodeIntent, CodeProcedure, CodePerson, CodeUnsupported, CodeForeign, CodeAllNS, CodeDelivery:
		return false
	}
	return slices.Contains(Codes(), c)
}
