// One program per layer, with the whole of that layer and only what it declares to link: it links if no arrow points
// the other way.
int main() { return 0; }
