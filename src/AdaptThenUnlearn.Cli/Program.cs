using System.Diagnostics;

using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp;
#pragma warning disable
if (args.Length > 1) torch.set_num_threads(int.Parse(args[1]));
var d = DigitImages.Train("/tmp/mnist/package/data");
var s = new PretrainingSettings(new(32, 1, 64, 4, [64, 64, 32, 16]), new(16, 0.002, 2, 16, 0, 4, 0, 10000), 20000, 4000, 8, 4000, 1);
using var p = new GeneratorPretraining(s, new HeldImages(d.Images), torch.CPU);
Console.WriteLine($"G {p.Trainer.Generator.Values.numel()} D {p.Trainer.Discriminator.Values.numel()} threads {torch.get_num_threads()}");
var sw = Stopwatch.StartNew();
p.Run(int.Parse(args[0]), new P(t => { if (t.Step % 20 == 0) { Console.WriteLine($"{t} {sw.ElapsedMilliseconds / 20.0:F1} ms/step tensors {torch.Tensor.TotalCount}"); sw.Restart(); } }), default);
class P(Action<TrainingStep> a) : IProgress<TrainingStep> { public void Report(TrainingStep s) => a(s); }
