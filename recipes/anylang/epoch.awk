# One epoch: reads the model (nothing at first) and the flowers, takes a step down the gradient, prints the new model.
# The first line is the epoch, the loss before the step, and loss and accuracy after it on every third flower, which is
# not trained on. Each further line is a class, an input, its weight and its velocity.

BEGIN { FS = ","; N_CLASSES = 3; N_FEATURES = 4 }

FILENAME == ARGV[1] { # the model
    split($0, word, " ")
    if (FNR == 1) epoch = word[1]
    else { weight[word[1], word[2]] = word[3]; velocity[word[1], word[2]] = word[4] }
    next
}

FNR > 1 { # a flower
    n++
    if (!($5 in class_of)) class_of[$5] = ++n_known
    class[n] = class_of[$5]
    for (i = 1; i <= N_FEATURES; i++) x[n, i] = $i
}

END {
    for (k = 1; k <= n; k++) if (k % 3) n_training++
    n_inputs = prepare()
    for (k = 1; k <= n; k++) if (k % 3) loss += learn(k)
    for (c = 1; c <= N_CLASSES; c++) for (i = 0; i <= n_inputs; i++) {
        slope = gradient[c, i] / n_training + (i ? decay * weight[c, i] : 0)
        velocity[c, i] = momentum * velocity[c, i] - lr * slope
        weight[c, i] += velocity[c, i]
    }
    for (k = 3; k <= n; k += 3) { val_loss += forward(k); right += guess == class[k] }
    printf "%d %.6g %.6g %.6g\n", epoch + 1, loss / n_training, val_loss / (n - n_training), right / (n - n_training)
    for (c = 1; c <= N_CLASSES; c++) for (i = 0; i <= n_inputs; i++)
        printf "%d %d %.17g %.17g\n", c, i, weight[c, i], velocity[c, i] # 17 digits lose nothing
}

# Brings the inputs to mean 0 and deviation 1 on the flowers that are trained on; with degree 2 the products of two are
# inputs too. Returns how many there are.
function prepare(    k, i, j, m) {
    for (k = 1; k <= n; k++) {
        x[k, 0] = 1
        m = N_FEATURES
        if (degree == 2)
            for (i = 1; i <= N_FEATURES; i++) for (j = i; j <= N_FEATURES; j++) x[k, ++m] = x[k, i] * x[k, j]
    }
    for (i = 1; i <= m; i++) standardise(i)
    return m
}

function standardise(i,    k, sum, squares, mean, deviation) {
    for (k = 1; k <= n; k++) if (k % 3) { sum += x[k, i]; squares += x[k, i] ^ 2 }
    mean = sum / n_training
    deviation = sqrt(squares / n_training - mean ^ 2)
    for (k = 1; k <= n; k++) x[k, i] = (x[k, i] - mean) / deviation
}

# The loss of flower k; leaves the probabilities in p and the most probable class in guess.
function forward(k,    c, i, top, total) {
    for (c = 1; c <= N_CLASSES; c++) {
        p[c] = 0
        for (i = 0; i <= n_inputs; i++) p[c] += weight[c, i] * x[k, i]
        if (c == 1 || p[c] > top) { top = p[c]; guess = c }
    }
    for (c = 1; c <= N_CLASSES; c++) { p[c] = exp(p[c] - top); total += p[c] }
    for (c = 1; c <= N_CLASSES; c++) p[c] /= total
    return p[class[k]] > 0 ? -log(p[class[k]]) : 745 # that of the smallest number there is
}

function learn(k,    c, i, nats) {
    nats = forward(k)
    for (c = 1; c <= N_CLASSES; c++) for (i = 0; i <= n_inputs; i++)
        gradient[c, i] += (p[c] - (c == class[k])) * x[k, i]
    return nats
}
