pragma circom 2.0.0;

// Two outputs, a public and two private inputs, one of them unused; a linear constraint, whose A and B are empty.
template Example() {
    signal input x;
    signal input y;
    signal input unused;
    signal output z;
    signal output s;
    signal t;

    t <== x * y;
    z <== t * x + 7;
    s <== x + 2 * y;
}

component main {public [x]} = Example();
