// Command mutants is a discovery plugin whose backend is a directory, with
// every capability, and the same plugin broken in one way: --fault NAME says
// in which. The conformance suite is tested with it: the healthy one passes
// every case, and each broken one fails exactly the cases that are meant for
// its fault.
package main
