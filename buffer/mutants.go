package buffer

// Mutants of the promise. A binary built with the tag mutant breaks it as
// LAMPPOST_MUTANT says, so that a harness can show that it notices.
const (
	skipFlush      = "skip-flush"       // says accepted and writes nothing
	noFlush        = "no-flush"         // says accepted and leaves it to the kernel
	ackBeforeFlush = "ack-before-flush" // says accepted when it is recorded
	forgetWindow   = "forget-window"    // says nothing after an unclean stop
	noCRC          = "no-crc"           // believes what it reads, whole or not
)
