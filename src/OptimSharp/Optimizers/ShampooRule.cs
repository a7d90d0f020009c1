using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>The coefficients of one step of Shampoo.</summary>
readonly struct ShampooStep(ShampooOptions o, long t, bool fresh, double peak, double power1, double power2, double graftingPower)
{
    readonly int start = o.StartPreconditioningStep < 0 ? o.PreconditionFrequency : o.StartPreconditioningStep;

    /// <summary>Whether the roots are not there yet.</summary>
    public readonly bool Fresh = fresh;

    /// <summary>Whether roots are to be taken.</summary>
    public bool IsDue => t == start || t > start && t % o.PreconditionFrequency == 0;

    /// <summary>Whether the step is the grafted method's.</summary>
    public bool IsGrafted => t < start && o.Grafting != ShampooGrafting.None;

    public double Beta3 => o.Beta3 < 0 ? o.Betas.Beta1 : o.Beta3;

    /// <summary>What the filtered gradient is divided by: 1 − β₃β₁^(t−1).</summary>
    public double Correction1 => o.BiasCorrection ? 1 - Beta3 * power1 : 1;

    /// <summary>What the matrices are divided by: 1 − β₂ᵗ.</summary>
    public double Correction2 => o.BiasCorrection && o.Betas.Beta2 < 1 ? 1 - power2 : 1;

    /// <summary>What the grafted method's squares are divided by.</summary>
    public double GraftingCorrection => o.Grafting == ShampooGrafting.Adam && GraftingBeta2(o) < 1 ? 1 - graftingPower : 1;

    /// <summary>α: the step is U + αθ.</summary>
    public double Decay => o.WeightDecayType switch
    {
        ShampooWeightDecay.L2 => 0,
        ShampooWeightDecay.Corrected or ShampooWeightDecay.Independent when peak == 0 => 0, // nor is there a step
        ShampooWeightDecay.Corrected => o.WeightDecay * o.LearningRate / peak,
        ShampooWeightDecay.Independent => o.WeightDecay / peak,
        _ => o.WeightDecay,
    };

    public static double GraftingBeta2(ShampooOptions o) => o.Grafting switch
    {
        ShampooGrafting.RMSprop => o.GraftingBeta2 ?? 0.99,
        ShampooGrafting.Adam => o.GraftingBeta2 ?? 0.999,
        _ => 1,
    };

    public static bool HasSquares(ShampooOptions o) => o.Grafting is ShampooGrafting.AdaGrad or ShampooGrafting.RMSprop or ShampooGrafting.Adam;
}

readonly struct ShampooRule<T>(ShampooOptions o, ShampooStep at, Parameter parameter) : ITensorRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public void Update(in TensorCell<T> x, TensorMath math)
    {
        bool filters = o.Betas.Beta1 != 0, squares = ShampooStep.HasSquares(o);
        Matrices<T> v = filters ? x.S1 : x.S0, momentum = filters && squares ? x.S2 : filters || squares ? x.S1 : x.S0;
        Matrices<T> g = math.TakeLike(x.Param), f = math.TakeLike(x.Param), d = math.TakeLike(x.Param), u = math.TakeLike(x.Param);
        math.Apply(new ShampooGradientRule<T>(o), g, x.Grad, x.Param);                  // G, or G + λθ
        if (squares)
            math.Apply(new AccumulateRule<T>(ShampooStep.GraftingBeta2(o)), v, g, g);
        if (filters)
            math.Apply(new ShampooFilterRule<T>(o.Betas.Beta1, at.Beta3, at.Correction1), f, g, x.S0);
        else
            math.Copy(g, f);
        if (squares)
            math.Apply(new ShampooGraftRule<T>(at.GraftingCorrection, o.GraftingEpsilon), d, f, v);
        else
            math.Copy(f, d);
        Blocks(x, g, f, d, u, math);
        if (o.Momentum != 0)
            math.Apply(new ShampooMomentumRule<T>(o, at.Decay), u, x.Param, momentum);
        math.Apply(new ShampooStepRule<T>(o.LearningRate, o.Momentum != 0 ? 0 : at.Decay), x.Param, u);
    }

    /// <summary>u ← the steps of all blocks. Each has its matrices.</summary>
    void Blocks(in TensorCell<T> x, Matrices<T> g, Matrices<T> f, Matrices<T> d, Matrices<T> u, TensorMath math)
    {
        var grid = new BlockGrid(parameter.Shape, o, stackalloc nint[BlockGrid.MostDimensions * 3]);
        nint side = 0, most = 1;
        foreach (nint size in grid.Extents) // the first block is the largest
        {
            side = Math.Max(side, size);
            most *= size;
        }
        Matrices<T> one = math.Take<T>(1, most), other = math.Take<T>(1, most), block = math.Take<T>(1, most), grafted = math.Take<T>(1, most);
        var roots = new ShampooRoots<T>(math, o, at.Correction2, side);
        for (int i = 0; i < grid.Count; i++)
        {
            grid.GoTo(i);
            int first = i * grid.Dimensions;
            var turning = new Turning<T>(math, grid.Extents, x.L1, one, other, first);
            nint count = 1;
            foreach (nint size in grid.Extents)
                count *= size;
            var part = block.As(1, count);
            math.ReadBlock(g, grid.Sizes, grid.Offsets, grid.Extents, part);
            turning.TakeOuter(x.L0, part, new AccumulateOuterRule<T>(o.Betas.Beta2), roots.Room);
            for (int k = first; k < first + grid.Dimensions; k++)
            {
                if (at.IsDue)
                    roots.Take(x.L0[k], 2 * grid.Dimensions, x.L1[k]);
                else if (at.Fresh)
                    math.AddToDiagonal(x.L1[k], 1); // I: they are zeros
            }
            if (at.IsGrafted)
            {
                math.ReadBlock(d, grid.Sizes, grid.Offsets, grid.Extents, part);
                math.WriteBlock(part, u, grid.Sizes, grid.Offsets, grid.Extents);
                continue;
            }
            math.ReadBlock(f, grid.Sizes, grid.Offsets, grid.Extents, part);
            turning.There(part, part);
            if (o.Grafting != ShampooGrafting.None)
            {
                var length = grafted.As(1, count);
                math.ReadBlock(d, grid.Sizes, grid.Offsets, grid.Extents, length);
                double scale = Math.Sqrt(math.SumOfSquares(length)) / (Math.Sqrt(math.SumOfSquares(part)) + 1e-16);
                math.Apply(new ScaleRule<T>(scale), part, part);
            }
            math.WriteBlock(part, u, grid.Sizes, grid.Offsets, grid.Extents);
        }
    }
}

/// <summary>Takes the inverse roots of Shampoo's matrices.</summary>
readonly ref struct ShampooRoots<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TensorMath math;
    readonly ShampooOptions o;
    readonly double correction;
    readonly Matrices<T> x, m, p, power, other;

    public ShampooRoots(TensorMath math, ShampooOptions o, double correction, nint side)
    {
        (this.math, this.o, this.correction) = (math, o, correction);
        Room = math.Take<T>(side, side);
        if (o.Root == ShampooRoot.CoupledNewton)
            (x, m, p, power, other) = (math.Take<T>(side, side), math.Take<T>(side, side), math.Take<T>(side, side), math.Take<T>(side, side), math.Take<T>(side, side));
    }

    /// <summary>Room for the largest matrix.</summary>
    public Matrices<T> Room { get; }

    /// <summary>root ← (A/correction + εI)^(−1/n).</summary>
    public void Take(Matrices<T> matrix, int n, Matrices<T> root)
    {
        var a = Room.As(matrix.Rows, matrix.Rows);
        math.Copy(matrix, a);
        if (correction != 1)
            math.Apply(new ScaleRule<T>(1 / correction), a, a);
        if (o.Root == ShampooRoot.Eigen)
            math.InverseRoot(a, n, o.Epsilon, root);
        else
            Newton(a, n, root);
    }

    /// <summary>
    /// X ← X·P and M ← PⁿM with P = ((n + 1)I − M)/n, from X = z^(1/n)·I and M = zA, until M is I: then X is the root, as XⁿA stays M. With z = (n + 1)/(2‖A‖) it gets there.
    /// </summary>
    void Newton(Matrices<T> a, int n, Matrices<T> root)
    {
        nint side = a.Rows;
        Matrices<T> x = this.x.As(side, side), m = this.m.As(side, side), p = this.p.As(side, side), power = this.power.As(side, side), other = this.other.As(side, side);
        math.AddToDiagonal(a, o.Epsilon);
        double z = (n + 1) / (2 * Math.Sqrt(math.SumOfSquares(a)));
        math.Apply(new ScaleRule<T>(0), x, a);
        math.AddToDiagonal(x, Root(z, n));
        math.Apply(new ScaleRule<T>(z), m, a);
        for (int step = 0; step < 100 && FromIdentity(m, p) > 1e-6; step++)
        {
            math.Apply(new ScaleRule<T>(-1.0 / n), p, m);
            math.AddToDiagonal(p, 1 + 1.0 / n);
            Multiply(x, p, other);
            math.Copy(other, x);
            Power(p, n, power, other, root);
            Multiply(power, m, other);
            math.Copy(other, m);
        }
        math.Copy(x, root);
    }

    /// <summary>to ← pⁿ for n ≥ 2, from its squares. p is lost.</summary>
    void Power(Matrices<T> p, int n, Matrices<T> to, Matrices<T> square, Matrices<T> product)
    {
        bool any = false;
        for (int rest = n; ; rest /= 2)
        {
            if (rest % 2 == 1)
            {
                if (any)
                {
                    Multiply(to, p, product);
                    math.Copy(product, to);
                }
                else
                    math.Copy(p, to);
                any = true;
            }
            if (rest == 1)
                return;
            Multiply(p, p, square);
            math.Copy(square, p);
        }
    }

    // All of them are symmetric.
    void Multiply(Matrices<T> a, Matrices<T> b, Matrices<T> to) => math.MultiplyTransposedLeft(T.One, a, b, T.Zero, default, to);

    /// <summary>The largest number of M − I.</summary>
    double FromIdentity(Matrices<T> m, Matrices<T> room)
    {
        math.Copy(m, room);
        math.AddToDiagonal(room, -1);
        return math.Largest(room);
    }

    /// <summary>x^(1/n) with nothing but + − × ÷ √: the same bits on every machine.</summary>
    static double Root(double x, int n)
    {
        for (; n % 2 == 0; n /= 2)
            x = Math.Sqrt(x);
        if (n == 1 || !(x > 0 && double.IsFinite(x)))
            return x;
        int exponent = (int)Math.Floor((double)Math.ILogB(x) / n) + 1;
        double f = Math.ScaleB(x, -n * exponent), y = 1; // f < 1, so Newton's steps go down to its root
        for (int step = 0; step < 200; step++)
        {
            double power = 1;
            for (int i = 1; i < n; i++)
                power *= y;
            double next = y - (y * power - f) / (n * power);
            if (!(next < y))
                break;
            y = next;
        }
        return Math.ScaleB(y, exponent);
    }
}
